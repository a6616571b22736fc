using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Texts;

/// <summary>Every text exists in every language, says the same things, and is used.</summary>
public partial class TextBookTests
{
    private static readonly TextBook English = TextBook.Of(Language.English);
    private static readonly TextBook Chinese = TextBook.Of(Language.Chinese);
    private static readonly string Sources = string.Join('\n', Directory.EnumerateFiles(Path.GetFullPath(Support.Fixture.PathOf("..", "..", "..", "src")), "*.cs", SearchOption.AllDirectories)
        .Where(path => !path.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText));

    [Fact]
    public void Both_languages_have_the_same_texts() => Chinese.Keys.Order().ShouldBe(English.Keys.Order());

    [Fact]
    public void A_text_has_the_same_values_in_both_languages()
    {
        foreach (string key in English.Keys)
        {
            Placeholders(Chinese[key]).ShouldBe(Placeholders(English[key]), key);
        }
    }

    [Fact]
    public void Every_finding_has_a_title() => RuleList.All.ShouldAllBe(rule => English.Keys.Contains($"finding.{rule.Id}.title"));

    [Fact]
    public void Every_title_is_of_a_finding() =>
        English.Keys.Where(key => key.StartsWith("finding.", StringComparison.Ordinal)).Select(key => key.Split('.')[1]).Distinct().ShouldBeSubsetOf(RuleList.All.Select(rule => rule.Id));

    [Fact]
    public void Every_fact_and_every_remedy_has_its_texts_and_none_is_left_over()
    {
        string[] facts = [.. FactKey().Matches(Sources).Select(match => match.Groups["key"].Value).Distinct()];
        string[] remedies = [.. RemedyKey().Matches(Sources).Select(match => match.Groups["key"].Value).Distinct()];

        facts.ShouldAllBe(key => English.Keys.Contains("fact." + key));
        remedies.ShouldAllBe(key => English.Keys.Contains($"remedy.{key}.title") && English.Keys.Contains($"remedy.{key}.effect") && English.Keys.Contains($"remedy.{key}.risk"));
        Names("fact.").Where(key => !Sources.Contains($"\"{key}\"", StringComparison.Ordinal)).ShouldBeEmpty();
        Names("remedy.").Where(key => !Sources.Contains($"\"{key}\"", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public void A_name_that_looks_like_a_place_for_a_value_stays_as_it_is() =>
        English.Say(new Fact("descriptors_of_process", ("used", 7ul), ("instance", "{share} of {limit}"), ("limit", 9ul), ("share", new Share(0.5)))).ShouldBe("7 of 9 descriptors of {share} of {limit} are open (50 %)");

    [Fact]
    public void Every_resource_has_a_name() => ResourceKinds.All.ShouldAllBe(kind => English.Keys.Contains("resource." + kind.Label()));

    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(0.0004, "<1 %")]
    [InlineData(0.81, "81 %")]
    [InlineData(0.996, ">99 %")]
    [InlineData(1, "100 %")]
    [InlineData(1.2, "120 %")]
    public void A_little_is_not_nothing_and_almost_all_is_not_all(double ratio, string text) => TextBook.Format(new Share(ratio)).ShouldBe(text);

    [Theory]
    [InlineData(0.25, "250 ms")]
    [InlineData(59, "59 s")]
    [InlineData(125, "2 min 5 s")]
    [InlineData(1500, "25 min")]
    [InlineData(7500, "2 h 5 min")]
    [InlineData(180_000, "2 d 2 h")]
    public void A_duration_has_its_two_largest_units(double seconds, string text) => TextBook.Format(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Theory]
    [InlineData(512, "512 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(2.5e9, "2.3 GiB")]
    public void Memory_has_its_unit(double count, string text) => TextBook.Format(new Bytes(count)).ShouldBe(text);

    [Fact]
    public void Large_numbers_can_be_read() => TextBook.Format(1_234_567ul).ShouldBe("1,234,567");

    [Theory]
    [InlineData("zh_CN.UTF-8", Language.Chinese)]
    [InlineData("zh_TW", Language.Chinese)]
    [InlineData("en_US.UTF-8", Language.English)]
    [InlineData("de_DE", Language.English)]
    [InlineData("C", Language.English)]
    [InlineData(null, Language.English)]
    public void The_locale_chooses_the_language(string? locale, object language) => Languages.OfLocale(locale).ShouldBe((Language)language);

    [Fact]
    public void LC_ALL_goes_before_LANG() => Languages.OfEnvironment(name => name switch { "LC_ALL" => "zh_CN.UTF-8", "LANG" => "en_US.UTF-8", _ => null }).ShouldBe(Language.Chinese);

    private static IEnumerable<string> Names(string prefix) => English.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => key.Split('.')[1]).Distinct();

    private static string[] Placeholders(string text) => [.. Placeholder().Matches(text).Select(match => match.Value).Distinct().Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"\{[a-z_]+\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"new Fact\(""(?<key>[a-z_]+)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FactKey();

    [GeneratedRegex(@"new Remedy\(\s*""(?<key>[a-z_]+)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RemedyKey();
}
