using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>How it stands, in a sentence.</summary>
internal static class VerdictPart
{
    /// <summary>The severity as a word.</summary>
    public static string Word(DiagnosisReport report, TextBook texts) => Say(report, texts).Word;

    public static HtmlWriter Render(PageView view, TextBook texts)
    {
        DiagnosisReport report = view.Report;
        (string level, string word, string title, string? note) = Say(report, texts);
        int more = report.Findings.Count(finding => finding.Severity > Severity.Info) - 1;
        var part = new HtmlWriter();
        part.Add($"""
            <section class="verdict {level}" data-k="verdict">
            <p class="word">{word}</p>
            <h1>{title}</h1>

            """);
        if (note is not null)
        {
            part.Add($"<p>{note}</p>\n");
        }

        if (more > 0)
        {
            part.Add($"<p>{texts["page.more_findings", ("count", more)]}</p>\n");
        }

        if (report.Resources.Where(resource => resource.FirstToGo is not null).MinBy(resource => resource.FirstToGo!.Exhaustion) is { FirstToGo: { Exhaustion: { } left } next })
        {
            part.Add($"<p>{texts["page.first_to_go", ("resource", texts[$"resource.{next.Kind.Label()}"]), ("instance", next.Name), ("left", left)]}</p>\n");
        }

        if (view.State.Snapshot.Collectors.Select(state => state.Reading).OfType<StatesReading>().FirstOrDefault() is { } states)
        {
            string counts = string.Join(" · ", Labels.States.Where(one => states[one.State] > 0).Select(one => $"{one.Label.ToUpperInvariant()} {TextBook.Format(states[one.State])}"));
            part.Add($"<p class=\"states\">{(counts.Length > 0 ? texts["page.sockets", ("states", counts)] : texts["verdict.no_sockets"])}</p>\n");
        }

        NotSeen[] missing = [.. NotSeen.Of(view.State, texts)];
        if (missing.Length > 0)
        {
            part.Add($"<details class=\"missing\" data-k=\"missing\"><summary>{texts["page.not_seen", ("what", string.Join(", ", missing.Select(one => one.What)))]}</summary><ul>\n");
            foreach (NotSeen one in missing)
            {
                part.Add($"<li><b>{one.What}</b>: {one.Why}</li>\n");
            }

            part.Add($"</ul></details>\n");
        }

        part.Add($"""
            <p class="at">{texts["page.at"]} <time datetime="{report.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'")}">{PageFormat.Time(report.At)}</time></p>
            </section>

            """);
        return part;
    }

    // What holds; else what is about to, what held before the start, what is nearly full: only what is none of these is ok.
    private static (string Level, string Word, string Title, string? Note) Say(DiagnosisReport report, TextBook texts)
    {
        if (report.Findings.FirstOrDefault(finding => finding.Severity > Severity.Info) is { } first)
        {
            return (report.Worst!.Value.Label(), texts[$"severity.{report.Worst!.Value.Label()}"], FindingsPart.TitleOf(first, texts), null);
        }

        if (report.Beginning.FirstOrDefault() is { } beginning)
        {
            return (beginning.Severity.Label(), texts["page.beginning"], FindingsPart.TitleOf(beginning, texts), texts["page.beginning_since", ("time", report.At - beginning.Since)]);
        }

        if (report.Awaited.FirstOrDefault() is { } before)
        {
            return ("unknown", texts["page.not_judged"], texts["page.held_before", ("finding", before.Finding)], null);
        }

        if (report.Fullest is { Worst: var worst } && ResourcesPart.Level(worst.UsedRatio) is not "ok" and var level)
        {
            return (level, texts["page.nearly_full"], texts["page.nearly_full_of", ("resource", texts[$"resource.{worst.Kind.Label()}"]), ("instance", worst.Name), ("share", new Share(worst.UsedRatio))], null);
        }

        return report.IsComplete ? ("ok", texts["page.ok"], texts["page.nothing"], null) : ("unknown", texts["page.could_not_tell"], texts["page.nothing_seen"], null);
    }
}
