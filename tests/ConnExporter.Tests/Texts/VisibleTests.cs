using ConnExporter.Diagnosis;
using ConnExporter.Sampling;

namespace ConnExporter.Tests.Texts;

public sealed class VisibleTests
{
    [Theory]
    [InlineData("nginx: worker", "nginx: worker")]
    [InlineData("数据库 🐘", "数据库 🐘")]
    [InlineData("a\nb\tc", @"a\nb\tc")]
    [InlineData("a\u001b[2Jb", @"a\u001b[2Jb")]
    [InlineData("a\u202eb", @"a\u202eb")]
    [InlineData("a\u2066b", @"a\u2066b")]
    [InlineData("a\U000e0041b", @"a\U000e0041b")]
    [InlineData("nginx\ufe0f.service", @"nginx\ufe0f.service")]
    [InlineData("a\u3164b", @"a\u3164b")]
    [InlineData("a\u034fb", @"a\u034fb")]
    [InlineData("a\u180eb", @"a\u180eb")]
    [InlineData("a\u2065b", @"a\u2065b")]
    [InlineData("a\uffa0b", @"a\uffa0b")]
    [InlineData("a\U000e0100b", @"a\U000e0100b")]
    [InlineData("a\U0001d173b", @"a\U0001d173b")]
    [InlineData("a\U00013430b", @"a\U00013430b")]
    [InlineData("🐘\U000e0041", @"🐘\U000e0041")]
    public void What_does_not_show_is_escaped_and_all_else_stays(string text, string shown)
    {
        Visible.Of(text).ShouldBe(shown);
        Visible.IsExact(text).ShouldBe(text == shown);
    }

    [Fact]
    public void Half_a_character_stays_and_is_not_exact()
    {
        Visible.Of("a\ud83d\nb").ShouldBe("a\ud83d\\nb");
        Visible.IsExact("a\ud83db").ShouldBeFalse();
    }
}
