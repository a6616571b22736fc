using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Tests.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>What every verdict must be.</summary>
internal static partial class VerdictShould
{
    /// <summary>It says all it has to say in every language, with every value in its place, and names remedies in their order.</summary>
    public static Verdict BeSound(this Verdict? verdict, Rule rule, Severity severity)
    {
        verdict.ShouldNotBeNull();
        verdict.Severity.ShouldBe(severity);
        rule.Severities.ShouldContain(severity);
        verdict.Evidence.ShouldNotBeEmpty();
        foreach (Language language in Enum.GetValues<Language>())
        {
            var book = TextBook.Of(language);
            string[] said =
            [
                book[verdict.TitleOf(rule.Id), ("instance", verdict.Instance)],
                .. verdict.Evidence.Select(book.Say),
                .. verdict.Remedies.SelectMany(remedy => ((string[])["title", "effect", "risk"]).Select(part => book[$"remedy.{remedy.Key}.{part}", remedy.Values])),
            ];
            said.ShouldAllBe(text => text.Length > 0 && !Placeholder().IsMatch(text));
        }

        verdict.Remedies.Select(remedy => (int)remedy.Kind).ShouldBeInOrder(SortDirection.Ascending);
        verdict.Remedies.Select(remedy => remedy.Key).ShouldBeUnique();
        OneScreen.Of(new Finding(rule, "self", severity, verdict, DateTimeOffset.UnixEpoch), []);
        verdict.Settings.ShouldAllBe(setting => setting.StartsWith("net.", StringComparison.Ordinal) || setting.StartsWith("fs.", StringComparison.Ordinal));
        return verdict;
    }

    /// <summary>A remedy by its key.</summary>
    public static Remedy Remedy(this Verdict verdict, string key) => verdict.Remedies.Single(remedy => remedy.Key == key);

    /// <summary>Its severity as a test's table has it; null for no verdict.</summary>
    public static string? LabelOf(Verdict? verdict) => verdict?.Severity.Label();

    /// <summary>A severity as a test's table has it.</summary>
    public static Severity? Held(string? label) => label is null ? null : Enum.GetValues<Severity>().Single(severity => severity.Label() == label);

    /// <summary>The keys of its evidence.</summary>
    public static string[] Facts(this Verdict verdict) => [.. verdict.Evidence.Select(fact => fact.Key)];

    [GeneratedRegex(@"\{[a-z_]+\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();
}
