using ConnExporter.Terminal;

namespace ConnExporter.Tests.Terminal;

public class TextLayoutTests
{
    [Fact]
    public void East_Asian_characters_take_two_columns() => TextLayout.WidthOf("端口 80").ShouldBe(7);

    [Fact]
    public void Words_stay_whole() => TextLayout.Wrap("one two three four", 9).ShouldBe(["one two", "three", "four"]);

    [Fact]
    public void A_word_that_is_too_long_has_a_line_of_its_own() => TextLayout.Wrap("a net.ipv4.ip_local_port_range b", 10).ShouldBe(["a", "net.ipv4.ip_local_port_range", "b"]);

    [Fact]
    public void Chinese_breaks_anywhere_but_before_what_closes() => TextLayout.Wrap("端口即将耗尽，请扩大。", 12).ShouldBe(["端口即将耗", "尽，请扩大。"]);

    [Fact]
    public void What_is_cut_says_so() => TextLayout.Cut("127.0.0.1:8080", 8).ShouldBe("127.0.0…");

    [Fact]
    public void Nothing_is_cut_that_fits() => TextLayout.Cut("端口", 4).ShouldBe("端口");

    [Theory]
    [InlineData(0, "........")]
    [InlineData(0.5, "####....")]
    [InlineData(0.99, "########")]
    [InlineData(1.7, "########")]
    public void A_bar_shows_a_share(double ratio, string bar) => TerminalStyle.Plain.Bar(ratio, 8).ShouldBe(bar);

    [Fact]
    public void A_pipe_gets_no_escape_sequences() => TerminalStyle.Plain.Severity("critical", "x").ShouldBe("x");
}
