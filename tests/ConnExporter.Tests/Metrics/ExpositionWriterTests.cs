using System.Globalization;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Metrics;

public class ExpositionWriterTests
{
    private static readonly MetricFamily Queue = MetricFamily.Gauge("demo_queue", "Waiting, in a queue of C:\\ and\nmore.", "netns", "port");
    private static readonly MetricFamily Drops = MetricFamily.Counter("demo_drops_total", "Dropped.", "netns");
    private static readonly MetricFamily Bare = MetricFamily.Gauge("demo_bare", "Without labels.");

    [Fact]
    public void Text_0_0_4_byte_for_byte() => Page(ExpositionFormat.Text, WriteSample).ShouldBe(
        """
        # HELP demo_queue Waiting, in a queue of C:\\ and\nmore.
        # TYPE demo_queue gauge
        demo_queue{netns="self",port="80"} 3
        demo_queue{netns="self",port="443"} 0
        # HELP demo_drops_total Dropped.
        # TYPE demo_drops_total counter
        demo_drops_total{netns="self"} 1.8446744073709552e+19
        # HELP demo_bare Without labels.
        # TYPE demo_bare gauge
        demo_bare 0.25

        """);

    [Fact]
    public void OpenMetrics_byte_for_byte() => Page(ExpositionFormat.OpenMetrics, WriteSample).ShouldBe(
        """
        # HELP demo_queue Waiting, in a queue of C:\\ and\nmore.
        # TYPE demo_queue gauge
        demo_queue{netns="self",port="80"} 3.0
        demo_queue{netns="self",port="443"} 0.0
        # HELP demo_drops Dropped.
        # TYPE demo_drops counter
        demo_drops_total{netns="self"} 1.8446744073709552e+19
        # HELP demo_bare Without labels.
        # TYPE demo_bare gauge
        demo_bare 0.25
        # EOF

        """);

    [Theory]
    [InlineData(@"C:\temp", @"C:\\temp")]
    [InlineData("say \"hi\"", "say \\\"hi\\\"")]
    [InlineData("two\nlines", @"two\nlines")]
    [InlineData("\\\"\n", @"\\\""\n")]
    [InlineData("tab\tand\rreturn", "tab\tand\rreturn")]
    [InlineData("Ünïcode 日本 🐧", "Ünïcode 日本 🐧")]
    [InlineData("", "")]
    public void Label_values_are_escaped_where_the_format_asks_for_it(string value, string escaped) =>
        Page(ExpositionFormat.Text, page => page.Write(Drops, 1, value)).ShouldEndWith($"demo_drops_total{{netns=\"{escaped}\"}} 1\n");

    [Fact]
    public void Half_a_surrogate_pair_becomes_a_replacement_character()
    {
        // Such a string cannot be written in an attribute.
        string half = new('\ud83d', 1);

        Page(ExpositionFormat.Text, page => page.Write(Drops, 1, half)).ShouldEndWith("{netns=\"\ufffd\"} 1\n");
        Page(ExpositionFormat.Text, page => page.Write(Drops, 1, half + "\n")).ShouldEndWith("{netns=\"\ufffd\\n\"} 1\n");
    }

    [Theory]
    [InlineData(0.0, "0")]
    [InlineData(-1.5, "-1.5")]
    [InlineData(0.1, "0.1")]
    [InlineData(1767323045.123, "1767323045.123")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "Infinity")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    [InlineData(1e-7, "1e-07")]
    public void Numbers_look_as_text_0_0_4_has_them(double value, string text) =>
        Page(ExpositionFormat.Text, page => page.Write(Bare, value)).ShouldEndWith($"demo_bare {text}\n");

    [Theory]
    [InlineData(0.0, "0.0")]
    [InlineData(1.0, "1.0")]
    [InlineData(-1.5, "-1.5")]
    [InlineData(12345.0, "12345.0")]
    [InlineData(1767323045.123, "1767323045.123")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    [InlineData(1e300, "1e+300")]
    public void Numbers_look_as_OpenMetrics_has_them(double value, string text) =>
        Page(ExpositionFormat.OpenMetrics, page => page.Write(Bare, value)).ShouldEndWith($"demo_bare {text}\n# EOF\n");


    [Theory]
    [InlineData(0ul, "0")]
    [InlineData(999_999_999_999_999ul, "999999999999999")]
    [InlineData((1ul << 53) - 1, "9007199254740991")]
    [InlineData(9007199254740993ul, "9007199254740992")]
    [InlineData(ulong.MaxValue, "1.8446744073709552e+19")]
    public void Whole_numbers_are_exact_as_far_as_a_double_is(ulong value, string text)
    {
        var read = MetricsText.Parse(Page(ExpositionFormat.Text, page => page.Write(Bare, value)));

        double.Parse(read["demo_bare"]!, CultureInfo.InvariantCulture).ShouldBe(double.Parse(text, CultureInfo.InvariantCulture));
        double.Parse(read["demo_bare"]!, CultureInfo.InvariantCulture).ShouldBe(value);
    }

    [Fact]
    public void Every_double_reads_back_as_itself() => Prop.ForAll<double>(value =>
        double.IsNaN(value) || double.IsInfinity(value)
        || BitConverter.DoubleToInt64Bits(double.Parse(MetricsText.Parse(Page(ExpositionFormat.Text, page => page.Write(Bare, value)))["demo_bare"]!, CultureInfo.InvariantCulture))
            == BitConverter.DoubleToInt64Bits(value)).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_strings_labels_hold_a_scraper_reads_the_same() => Prop.ForAll<string?, string?, ulong>((first, second, value) =>
    {
        string page = Page(ExpositionFormat.Text, page =>
        {
            page.Write(Queue, value, first ?? "", second ?? "");
            page.Write(Queue, 7, "after", "it");
        });

        var read = MetricsText.Parse(page);
        return read.Series is [{ Name: "demo_queue", Labels: [("netns", var one), ("port", var two)] }, { Value: "7" }]
            && one == AsUtf8(first) && two == AsUtf8(second) && double.Parse(read.Series[0].Value, CultureInfo.InvariantCulture) == value;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_page_grows_beyond_its_first_buffer()
    {
        string page = Page(ExpositionFormat.Text, page =>
        {
            for (int i = 0; i < 5000; i++)
            {
                page.Write(Queue, (ulong)i, "self", $"{i}{new string('x', i % 100)}\n");
            }
        });

        var read = MetricsText.Parse(page);
        read.Series.Select(series => series.Value).ShouldBe(Enumerable.Range(0, 5000).Select(i => $"{i}"));
    }

    [Fact]
    public void A_value_that_is_not_known_writes_nothing_and_no_header() =>
        Page(ExpositionFormat.Text, page => page.Write(Drops, (ulong?)null, "self")).ShouldBe("");

    [Fact]
    public void Series_of_one_family_stand_together_whoever_writes_between_them() => Page(ExpositionFormat.Text, page =>
    {
        page.Write(Drops, 1, "self");
        page.Write(Bare, 1);
        page.Write(Drops, 1, "other");
    }).Split('\n').Where(line => line.StartsWith("demo", StringComparison.Ordinal)).Select(line => line.Split('{', ' ')[0])
        .ShouldBe(["demo_drops_total", "demo_drops_total", "demo_bare"]);

    [Fact]
    public void A_wrong_number_of_labels_is_a_defect()
    {
        Should.Throw<InvalidOperationException>(() => Page(ExpositionFormat.Text, page => page.Write(Queue, 1, "self"))).Message.ShouldBe("demo_queue has 2 labels, not 1");
        Should.Throw<InvalidOperationException>(() => Page(ExpositionFormat.Text, page => page.Write(Bare, 1, "self"))).Message.ShouldBe("demo_bare has 0 labels, not 1");
    }

    [Fact]
    public void A_counter_without_the_suffix_is_a_defect() =>
        Should.Throw<ArgumentException>(() => MetricFamily.Counter("demo_drops", "Dropped.")).Message.ShouldContain("demo_drops");

    [Fact]
    public void A_help_text_that_the_formats_want_differently_is_a_defect() =>
        Should.Throw<ArgumentException>(() => MetricFamily.Gauge("demo", "Of a \"queue\".")).Message.ShouldContain("double quotes");

    [Fact]
    public void A_series_that_is_written_twice_is_seen_and_the_later_value_stays()
    {
        var page = new ExpositionWriter();
        var family = MetricFamily.Gauge("demo", "Of the demonstration.", "name");
        page.Write(family, 1, "a");
        page.Write(family, 2, "b");
        page.Repeats.ShouldBe(0);
        page.Write(family, 3, "a");
        page.End();

        page.Repeats.ShouldBe(1);
        Encoding.UTF8.GetString(page.ToText(ExpositionFormat.Text)).ShouldEndWith("demo{name=\"a\"} 3\ndemo{name=\"b\"} 2\n");
        page.Clear();
        page.Repeats.ShouldBe(0);
    }

    [Fact]
    public void A_cleared_writer_starts_anew()
    {
        var page = new ExpositionWriter();
        WriteSample(page);
        page.End();
        byte[] first = page.ToText(ExpositionFormat.Text).ToArray();

        page.Clear();
        WriteSample(page);
        page.End();

        page.ToText(ExpositionFormat.Text).ToArray().ShouldBe(first);
    }

    [Fact]
    public void What_the_next_page_has_not_is_gone_and_its_family_stays_declared()
    {
        var page = new ExpositionWriter();
        WriteSample(page);
        page.End();
        page.Clear();
        page.Write(Queue, 5, "self", "443");
        page.End();

        Encoding.UTF8.GetString(page.ToText(ExpositionFormat.Text)).ShouldBe(
            """
            # HELP demo_queue Waiting, in a queue of C:\\ and\nmore.
            # TYPE demo_queue gauge
            demo_queue{netns="self",port="443"} 5
            # HELP demo_drops_total Dropped.
            # TYPE demo_drops_total counter
            # HELP demo_bare Without labels.
            # TYPE demo_bare gauge

            """);
    }

    [Theory]
    [InlineData(7.0, 3.0)]
    [InlineData(7.0, 0.0)]
    [InlineData(double.NaN, 3.0)]
    [InlineData(double.PositiveInfinity, 3.0)]
    [InlineData(3.0, double.NaN)]
    public void A_counter_that_starts_over_is_passed_on(double before, double after)
    {
        var bare = MetricFamily.Counter("demo_bare_total", "Without labels.");
        var page = new ExpositionWriter();
        foreach (double value in (double[])[before, after])
        {
            page.Clear();
            page.Write(Drops, value, "self");
            page.Write(bare, value);
            page.End();
            var read = MetricsText.Parse(Encoding.UTF8.GetString(page.ToText(ExpositionFormat.Text)));

            read.Series.Select(series => double.Parse(series.Value, CultureInfo.InvariantCulture)).ShouldBe([value, value]);
        }
    }

    [Fact]
    public void Of_two_values_for_one_series_the_later_one_stays() =>
        Page(ExpositionFormat.Text, page =>
        {
            page.Write(Drops, 9, "self");
            page.Write(Drops, 4, "self");
        }).ShouldEndWith("# TYPE demo_drops_total counter\ndemo_drops_total{netns=\"self\"} 4\n");

    [Fact]
    public void A_page_that_was_broken_off_is_put_right_by_the_next_one()
    {
        var page = new ExpositionWriter();
        page.Write(Queue, 1, "self", "80");
        page.Write(Queue, 1, "self", "443");
        page.End();

        page.Clear();
        page.Write(Queue, 2, "self", "8080");
        Should.Throw<InvalidOperationException>(() => page.Write(Queue, 2));
        page.Clear();
        page.Write(Queue, 3, "self", "443");
        page.End();

        MetricsText.Parse(Encoding.UTF8.GetString(page.ToText(ExpositionFormat.Text))).Of("demo_queue").ShouldBe(["self 443 3"]);
    }

    [Fact]
    public void A_thousand_pages_have_exactly_the_series_that_were_written_whatever_vanishes_and_starts_over()
    {
        var random = new Random(20261129);
        string[] names = ["a", "b\\", "c\"", "d\n", "", "日本", "\\\"\n"];
        MetricFamily[] families = [Queue, Drops, Bare, MetricFamily.Counter("demo_bare_total", "Without labels."), MetricFamily.Counter("demo_two_total", "With two.", "one", "two")];
        double[] odd = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, 1, -1, 1e-300, ulong.MaxValue];
        var page = new ExpositionWriter();
        for (int round = 0; round < 1000; round++)
        {
            var wanted = new Dictionary<string, double>();
            page.Clear();
            foreach (MetricFamily family in families.Where(_ => random.Next(5) > 0))
            {
                for (int i = random.Next(12); i > 0; i--)
                {
                    string[] values = [.. family.Labels.Select(_ => names[random.Next(names.Length)])];
                    double value = random.Next(10) == 0 ? odd[random.Next(odd.Length)] : random.Next(1000);
                    value = family.Type == MetricType.Counter ? Math.Abs(value) : value;
                    page.Write(family, value, values);
                    wanted[$"{family.Name} {string.Join('|', values)}"] = value;
                }
            }

            page.End();
            foreach (ExpositionFormat format in (ExpositionFormat[])[ExpositionFormat.Text, ExpositionFormat.OpenMetrics])
            {
                var read = MetricsText.Parse(Encoding.UTF8.GetString(page.ToText(format)));
                string[] found = [.. read.Series.Select(series => $"{series.Name} {string.Join('|', series.Labels.Select(label => label.Value))} {MetricsText.Number(series.Value):R}")];
                found.Order(StringComparer.Ordinal).ShouldBe(wanted.Select(one => $"{one.Key} {one.Value:R}").Order(StringComparer.Ordinal), $"round {round}");
            }
        }
    }

    private static void WriteSample(ExpositionWriter page)
    {
        page.Write(Queue, 3, "self", "80");
        page.Write(Queue, 0, "self", "443");
        page.Write(Drops, ulong.MaxValue, "self");
        page.Write(Bare, 0.25);
    }

    private static string Page(ExpositionFormat format, Action<ExpositionWriter> write)
    {
        var page = new ExpositionWriter();
        write(page);
        page.End();
        return Encoding.UTF8.GetString(page.ToText(format));
    }

    private static string AsUtf8(string? text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? ""));
}
