using ConnExporter.Configuration;

namespace ConnExporter.Tests.Configuration;

public class SuggestionTests
{
    private static readonly string[] Names = ["--log.level", "--log.format", "--web.listen-address", "--collector.self", "serve"];

    [Theory]
    [InlineData("--log.levl", "--log.level")]
    [InlineData("--loglevel", "--log.level")]
    [InlineData("--web.listen-adress", "--web.listen-address")]
    [InlineData("--web-listen-address", "--web.listen-address")]
    [InlineData("--web.listen_addr", "--web.listen-address")]
    [InlineData("--colector.sel", "--collector.self")]
    [InlineData("sevre", "serve")]
    [InlineData("--log.level", "--log.level")]
    public void The_nearest_name_is_suggested(string wrong, string right) => Suggestion.For(wrong, Names).ShouldBe($"; did you mean '{right}'?");

    [Theory]
    [InlineData("--bogus")]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("--web.listen-address-and-much-more-than-that")]
    public void Nothing_is_suggested_where_nothing_is_near(string wrong) => Suggestion.For(wrong, Names).ShouldBe("");

    [Fact]
    public void Without_names_there_is_nothing_to_suggest() => Suggestion.For("a", []).ShouldBe("");
}
