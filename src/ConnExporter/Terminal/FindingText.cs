using System.Globalization;
using System.Text.Json;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>A finding in a document of <see cref="Json.ReportJson"/>.</summary>
internal static class FindingText
{
    /// <summary>How bad it is, what it is, and where, unless that is our own network namespace.</summary>
    public static string TitleOf(TextBook book, JsonElement finding)
    {
        string netns = Text(finding, "netns") == KernelSource.OwnNamespace ? "" : $" [netns {Visible.Name(Text(finding, "netns"))}]";
        return $"{book["severity." + Text(finding, "severity")].ToUpperInvariant()} {Text(finding, "title")}{netns}";
    }

    /// <summary>Since when, by whose word, and what brought it about, as far as that is known.</summary>
    /// <param name="book">The language.</param>
    /// <param name="finding">The finding.</param>
    /// <param name="at">The time of the document.</param>
    public static IEnumerable<string> CircumstancesOf(TextBook book, JsonElement finding, DateTimeOffset at)
    {
        DateTimeOffset since = finding.GetProperty("since").GetDateTimeOffset();
        if (at - since >= HolderText.Fresh)
        {
            yield return book["cli.since", ("time", TimeOf(since)), ("ago", at - since)];
        }

        if (finding.TryGetProperty("last_seen", out JsonElement lastSeen))
        {
            DateTimeOffset seen = lastSeen.GetDateTimeOffset();
            yield return book["findings.gone", ("time", TimeOf(seen)), ("ago", at > seen ? at - seen : TimeSpan.Zero)];
        }

        if (finding.TryGetProperty("reported", out JsonElement reported))
        {
            DateTimeOffset told = reported.GetProperty("since").GetDateTimeOffset();
            yield return book["cli.reported_since", ("address", Text(reported, "by")), ("time", TimeOf(told)), ("ago", at - told)];
        }

        if (Optional(finding, "caused_by") is { } cause)
        {
            yield return book["cli.caused_by", ("finding", cause)];
        }
    }

    private static string TimeOf(DateTimeOffset time) => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
}
