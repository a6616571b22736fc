using ConnExporter.Diagnosis;
using ConnExporter.Resources;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>How it stands, in a sentence.</summary>
internal static class VerdictPart
{
    /// <summary>The severity as a word.</summary>
    public static string Word(DiagnosisReport report, TextBook texts) => report.Worst is { } worst and > Severity.Info ? texts[$"severity.{worst.Label()}"] : texts["page.ok"];

    public static HtmlWriter Render(PageView view, TextBook texts)
    {
        DiagnosisReport report = view.Report;
        Finding? first = report.Findings.FirstOrDefault(finding => finding.Severity > Severity.Info);
        string level = first is null ? "ok" : report.Worst!.Value.Label();
        int more = report.Findings.Count(finding => finding.Severity > Severity.Info) - 1;
        var part = new HtmlWriter();
        part.Add($"""
            <section class="verdict {level}" data-k="verdict">
            <p class="word">{Word(report, texts)}</p>
            <h1>{(first is null ? texts["page.nothing"] : FindingsPart.TitleOf(first, texts))}</h1>

            """);
        if (more > 0)
        {
            part.Add($"<p>{texts["page.more_findings", ("count", more)]}</p>\n");
        }

        if (report.Resources.Where(resource => resource.FirstToGo is not null).MinBy(resource => resource.FirstToGo!.Exhaustion) is { FirstToGo: { Exhaustion: { } left } next })
        {
            part.Add($"<p>{texts["page.first_to_go", ("resource", texts[$"resource.{next.Kind.Label()}"]), ("instance", next.Name), ("left", left)]}</p>\n");
        }

        NotSeen[] missing = [.. NotSeen.Of(view.Snapshot)];
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
}
