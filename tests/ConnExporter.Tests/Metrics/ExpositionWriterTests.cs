using System.Globalization;
using System.Text;
using ConnExporter.Metrics;
using ConnExporter.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Metrics;

public class ExpositionWriterTests
{
    private static readonly MetricFamily Queue = MetricFamily.Gauge("demo_queue", "Waiting, in a \"queue\" of C:\\ and\nmore.", "netns", "port");
    private static readonly MetricFamily Drops = MetricFamily.Counter("demo_drops_total", "Dropped.", "netns");
    private static readonly MetricFamily Bare = MetricFamily.Gauge("demo_bare", "Without labels.");

    [Fact]
    public void Text_0_0_4_byte_for_byte() => Page(ExpositionFormat.Text, WriteSample).ShouldBe(
        """
        # HELP demo_queue Waiting, in a "queue" of C:\\ and\nmore.
        # TYPE demo_queue gauge
        demo_queue{netns="self",port="80"} 3
        demo_queue{netns="self",port="443"} 0
        # HELP demo_drops_total Dropped.
        # TYPE demo_drops_total counter
        demo_drops_total{netns="self"} 18446744073709551615
        # HELP demo_bare Without labels.
        # TYPE demo_bare gauge
        demo_bare 0.25

        """);

    [Fact]
    public void OpenMetrics_byte_for_byte() => Page(ExpositionFormat.OpenMetrics, WriteSample).ShouldBe(
        """
        # HELP demo_queue Waiting, in a \"queue\" of C:\\ and\nmore.
        # TYPE demo_queue gauge
        demo_queue{netns="self",port="80"} 3
        demo_queue{netns="self",port="443"} 0
        # HELP demo_drops Dropped.
        # TYPE demo_drops counter
        demo_drops_total{netns="self"} 18446744073709551615
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
    [InlineData(double.PositiveInfinity, "+Inf")]
    [InlineData(double.NegativeInfinity, "-Inf")]
    public void Numbers_look_as_the_formats_want_them(double value, string text) =>
        Page(ExpositionFormat.Text, page => page.Write(Bare, value)).ShouldEndWith($"demo_bare {text}\n");

    [Theory]
    [InlineData(0ul)]
    [InlineData(9007199254740993ul)]
    [InlineData(ulong.MaxValue)]
    public void Whole_numbers_are_exact_beyond_the_53_bits_of_a_double(ulong value) =>
        Page(ExpositionFormat.Text, page => page.Write(Bare, value)).ShouldEndWith($"demo_bare {value}\n");

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
            && one == AsUtf8(first) && two == AsUtf8(second) && read.Series[0].Value == value.ToString(CultureInfo.InvariantCulture);
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
    public void A_cleared_writer_starts_anew()
    {
        var page = new ExpositionWriter(ExpositionFormat.Text);
        WriteSample(page);
        byte[] first = page.Page.ToArray();
        page.SeriesCount.ShouldBe(4);

        page.Clear();
        page.Page.Length.ShouldBe(0);
        page.SeriesCount.ShouldBe(0);
        WriteSample(page);

        page.Page.ToArray().ShouldBe(first);
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
        var page = new ExpositionWriter(format);
        write(page);
        page.End();
        return Encoding.UTF8.GetString(page.Page);
    }

    private static string AsUtf8(string? text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? ""));
}
