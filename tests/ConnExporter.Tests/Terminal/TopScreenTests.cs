using System.Text;
using System.Text.Json;
using ConnExporter.Kernel;
using ConnExporter.Terminal;
using ConnExporter.Terminal.Top;
using ConnExporter.Tests.Web.Pages;
using ConnExporter.Texts;
using ConnExporter.Web.Pages;

namespace ConnExporter.Tests.Terminal;

#pragma warning disable CA5394 // Keys, not secrets.

/// <summary>The windows of <c>top</c> and its keys. What it does with a terminal is tested with one.</summary>
public class TopScreenTests
{
    private readonly TopTrends trends = new();

    [Theory]
    [InlineData(Language.English)]
    [InlineData(Language.Chinese)]
    public void It_has_as_many_lines_as_there_are_rows_and_none_is_wider_than_the_window(object language)
    {
        TopFrame frame = Frame(new PageBench("\u001b[2Jevil $ curl " + new string('语', 30)));
        TopScreen screen = Screen((Language)language);
        screen.Remember(frame);
        var state = new TopState();
        for (int i = 0; i < 2 * TopTab.All.Length; i++)
        {
            foreach (int columns in (int[])[40, 59, 60, 80, 109, 110, 140, 200])
            {
                foreach (int rows in (int[])[6, 10, 24, 50])
                {
                    string[] lines = screen.Draw(frame, state, new TerminalSize(columns, rows));
                    lines.Length.ShouldBe(rows);
                    lines.ShouldAllBe(line => TextLayout.WidthOf(line) <= columns && !line.Any(char.IsControl), $"{state.Tab.Id} at {columns}");
                }
            }

            Press(state, i == TopTab.All.Length - 1 ? "\t?" : "\t");
        }
    }

    [Fact]
    public void A_row_has_its_numbers_and_a_column_that_is_not_known_a_dash()
    {
        var state = new TopState();
        Press(state, "2");

        string[] lines = Screen().Draw(Frame(new PageBench()), state, new TerminalSize(200, 30));

        string row = lines.Single(line => line.StartsWith("0.0.0.0:443", StringComparison.Ordinal));
        row.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..6].ShouldBe(["nginx.service", ">99", "%", "511", "511"]);
        lines.Single(line => line.StartsWith("127.0.0.1:9057", StringComparison.Ordinal)).ShouldContain(" – ");
        lines[1].ShouldStartWith("CRITICAL: Ephemeral ports towards");
    }

    [Fact]
    public void Rows_are_sorted_turned_round_and_filtered()
    {
        TopFrame frame = Frame(new PageBench());
        var state = new TopState();
        JsonElement[] Rows() => new TopTable(TextBook.Of(Language.English), TerminalStyle.Plain, state, trends, 80).RowsOf(frame.Snapshot);
        string[] Names() => [.. Rows().Select(row => row.GetProperty("destination").GetString()!)];

        Names().ShouldBe(["10.0.0.5:6379", "10.0.0.9:443", "other"]);
        Press(state, "r");
        Names().ShouldBe(["other", "10.0.0.9:443", "10.0.0.5:6379"]);
        Press(state, "s");
        state.SortColumn.ShouldBe(0);
        Names().ShouldBe(["10.0.0.5:6379", "10.0.0.9:443", "other"]);
        Press(state, "ssr");
        Rows().Select(row => row.GetProperty("used_ratio").ValueKind).First().ShouldBe(JsonValueKind.Null);
        Press(state, "/0.9");
        Names().ShouldBe(["10.0.0.9:443"]);
        Press(state, "\u007f\u007f\u007fxq");
        (state.Filter, state.IsOver).ShouldBe(("xq", false));
        Press(state, "\r");
        Names().ShouldBeEmpty();
        Press(state, "\u001b");
        Names().Length.ShouldBe(3);
        Press(state, "q");
        state.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void Scrolling_ends_where_the_rows_do()
    {
        var state = new TopState();
        Press(state, "\u001b[F");
        state.ScrollWithin(100, 20);
        state.Offset.ShouldBe(80);
        Press(state, "\u001b[5~\u001b[A");
        state.Offset.ShouldBe(69);
        Press(state, "\u001b[H\u001b[A");
        state.Offset.ShouldBe(0);
        Press(state, "\u001b[6~");
        state.ScrollWithin(3, 20);
        state.Offset.ShouldBe(0);
    }

    [Theory]
    [InlineData("\u001b", "Escape")]
    [InlineData("\u001b[A", "Up")]
    [InlineData("\u001bOB", "Down")]
    [InlineData("\u001b[1;5C", "")]
    [InlineData("\u001b[5~\u001b[6~", "PageUp PageDown")]
    [InlineData("a语\t\r\u007f\u0001", "a 语 Tab Enter Backspace")]
    public void Keys_are_read_as_terminals_send_them(string sent, string keys) =>
        string.Join(' ', Keys.In(Encoding.UTF8.GetBytes(sent)).Select(press => press.Key == Key.Character ? press.Rune.ToString() : press.Key.ToString())).ShouldBe(keys);

    [Fact]
    public void Bytes_of_any_kind_are_keys_or_none()
    {
        var random = new Random(20_261_130);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = new byte[random.Next(0, 12)];
            random.NextBytes(bytes);
            Keys.In(bytes).Count().ShouldBeLessThanOrEqualTo(bytes.Length);
        }
    }

    [Fact]
    public void A_trend_is_drawn_to_its_largest_value_and_forgotten_with_its_row()
    {
        foreach (double value in (double[])[0, 4, 8])
        {
            trends.Add("a", value);
            trends.End();
        }

        trends.Draw("a", 5, isPlain: false).ShouldBe("  ▁▅█");
        trends.Draw("a", 2, isPlain: true).ShouldBe("+#");
        trends.End();
        trends.Draw("a", 3, isPlain: false).ShouldBe("   ");
    }

    private static void Press(TopState state, string keys)
    {
        foreach (KeyPress press in Keys.In(Encoding.UTF8.GetBytes(keys)))
        {
            state.Press(press, _ => true);
        }
    }

    private TopScreen Screen(Language language = Language.English) => new(TextBook.Of(language), TerminalStyle.Plain, trends);

    private static TopFrame Frame(PageBench bench)
    {
        bench.Look();
        return new TopFrame(bench.Json(StatusSite.Document.Diagnosis), bench.Json(StatusSite.Document.Snapshot), IsOfDaemon: true);
    }
}
