using ConnExporter.Terminal;

namespace ConnExporter.Tests.Terminal;

public class MarkdownTextTests
{
    private static readonly TerminalStyle Colourful = new(Colour: true, Blocks: true, 80);

    private static readonly string[] Page =
    [
        "# A `title`",
        "",
        "See [time_wait_storm](time_wait_storm.md), or run `ss -s`.",
        "- an item",
        "",
        "```sh",
        "ss -Htn state time-wait | awk '{print $4}' # never broken, however long the line may become in the end",
        "## no heading",
        "```",
    ];

    [Fact]
    public void A_pipe_gets_plain_text() => MarkdownText.Render(Page, TerminalStyle.Plain).ShouldBe(
        """
        A title

          See time_wait_storm, or run ss -s.
          - an item

            ss -Htn state time-wait | awk '{print $4}' # never broken, however long the line may become in the end
            ## no heading

        """);

    [Fact]
    public void On_a_terminal_headings_and_code_stand_out()
    {
        string[] lines = MarkdownText.Render(Page, Colourful).Split('\n');

        lines[0].ShouldBe("\e[1mA title\e[0m");
        lines[2].ShouldBe("  See time_wait_storm, or run \e[1mss -s\e[0m.");
        lines[^3].ShouldNotContain('\e');
    }

    [Fact]
    public void What_stands_out_over_the_end_of_a_line_ends_and_begins_again_there()
    {
        string[] lines = MarkdownText.Render([$"{string.Concat(Enumerable.Repeat("word ", 14))}`one two three four` end"], Colourful).TrimEnd('\n').Split('\n');

        lines.Length.ShouldBe(2);
        lines[0].ShouldEndWith("\e[0m");
        lines[1].ShouldStartWith("  \e[1m");
        lines[1].ShouldEndWith("\e[0m end");
    }

    [Fact]
    public void An_item_that_is_long_goes_on_under_its_text()
    {
        string[] lines = MarkdownText.Render(["- " + string.Concat(Enumerable.Repeat("word ", 20))], TerminalStyle.Plain).Split('\n');

        lines[0].ShouldStartWith("  - word");
        lines[1].ShouldStartWith("    word");
    }
}
