using System.Text.RegularExpressions;
using ConnExporter.Diagnosis;
using ConnExporter.Tests.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>What a verdict says.</summary>
internal static class Said
{
    private static readonly string[] Parts = ["title", "effect", "risk"];

    /// <summary>The evidence in English. In both languages every text must be there, with all its values filled in.</summary>
    public static string Text(this Verdict? verdict, Rule rule)
    {
        verdict.ShouldNotBeNull();
        rule.Severities.ShouldContain(verdict.Severity);
        verdict.Evidence.ShouldNotBeEmpty();
        verdict.Instance.ShouldNotBeNullOrWhiteSpace();
        verdict.Remedies.Select(remedy => remedy.Kind).ShouldBeInOrder();
        foreach (Language language in Enum.GetValues<Language>())
        {
            var book = TextBook.Of(language);
            string all = string.Join('\n', verdict.Evidence.Select(book.Say)
                .Append(book[$"finding.{rule.Id}.title", ("instance", verdict.Instance)])
                .Concat(verdict.Remedies.SelectMany(remedy => Parts.Select(part => book[$"remedy.{remedy.Key}.{part}", remedy.Values]))));
            Regex.Matches(all, @"\{\w+\}", RegexOptions.None, TimeSpan.FromSeconds(1)).ShouldBeEmpty(all);
        }

        OneScreen.Of(new Finding(rule, "self", verdict.Severity, verdict, DateTimeOffset.UnixEpoch), []);
        return string.Join('\n', verdict.Evidence.Select(TextBook.Of(Language.English).Say));
    }

    /// <summary>All commands that its remedies print.</summary>
    public static string[] Commands(this Verdict? verdict) => [.. verdict!.Remedies.SelectMany(remedy => remedy.CommandLines)];
}
