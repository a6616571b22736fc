using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>What is wrong: evidence, who holds it, what to do.</summary>
internal static class FindingsPart
{
    public static string TitleOf(Finding finding, TextBook texts) => texts[finding.Verdict.TitleOf(finding.Id), ("instance", finding.Verdict.Instance)];

    public static HtmlWriter Render(PageView view, TextBook texts)
    {
        var part = new HtmlWriter();
        if (view.Report.Findings.IsEmpty)
        {
            return part;
        }

        part.Add($"""
            <section class="findings" data-k="findings" aria-labelledby="findings">
            <h2 id="findings">{texts["page.findings"]} <span class="count">{view.Report.Findings.Length}</span></h2>

            """);
        foreach (Finding finding in view.Report.Findings)
        {
            Add(part, view, finding, texts);
        }

        part.Add($"</section>\n");
        return part;
    }

    private static void Add(HtmlWriter part, PageView view, Finding finding, TextBook texts)
    {
        Verdict verdict = finding.Verdict;
        part.Add($"""
            <article class="finding {finding.Severity.Label()}" data-k="{finding.Id} {finding.Netns}">
            <h3><span class="severity">{texts[$"severity.{finding.Severity.Label()}"]}</span> {TitleOf(finding, texts)}</h3>
            <p class="meta">{texts["page.since", ("time", PageFormat.Time(finding.Since)), ("age", Positive(view.Report.At - finding.Since))]}
            """);
        if (finding.Netns != KernelSource.OwnNamespace)
        {
            part.Add($" · {texts["page.in_netns", ("netns", new OutsideName(finding.Netns))]}");
        }

        if (finding.CausedBy is { } cause)
        {
            part.Add($" · {texts["page.caused_by", ("finding", view.Report.Findings.FirstOrDefault(other => other.Id == cause && other.Netns == finding.Netns) is { } root ? TitleOf(root, texts) : cause)]}");
        }

        part.Add($" · <code>{finding.Id}</code>");
        if (Runbooks.Find(finding.Id, texts.Language) is not null)
        {
            part.Add($""" · <a href="runbooks/{finding.Id}?lang={texts.Language.Tag()}">{texts["page.runbook"]}</a>""");
        }

        part.Add($"""
            </p>
            {Gone(view, finding, texts)}<div class="columns"><div class="why">
            <h4>{texts["page.evidence"]}</h4>
            <ul class="evidence">

            """);
        foreach (Fact fact in verdict.Evidence)
        {
            part.Add($"<li>{texts.Say(fact)}</li>\n");
        }

        part.Add($"</ul>\n");
        AddHolders(part, finding, texts);
        AddSettings(part, view, finding, texts);
        part.Add($"</div>\n");
        AddRemedies(part, verdict, texts);
        part.Add($"</div></article>\n");
    }

    private static HtmlWriter Gone(PageView view, Finding finding, TextBook texts)
    {
        var part = new HtmlWriter();
        if (finding.LastSeen is { } seen)
        {
            part.Add($"<p class=\"gone\">{texts["findings.gone", ("time", PageFormat.Time(seen)), ("ago", Positive(view.Report.At - seen))]}</p>\n");
        }

        return part;
    }

    private static void AddHolders(HtmlWriter part, Finding finding, TextBook texts)
    {
        if (finding.Verdict.Holders.IsEmpty)
        {
            return;
        }

        part.Add($"<h4>{texts["page.holders"]}</h4>\n<ul class=\"holders\">\n");
        foreach (Holder holder in finding.Verdict.Holders)
        {
            part.Add($"""<li data-k="{holder.Name} {holder.Unit} {holder.ProcessId?.ToString()}"><b>{Visible.Name(holder.Name)}</b>""");
            if (holder.ProcessId is { } pid)
            {
                part.Add($" <span class=\"pid\">pid {pid}</span>");
            }

            if (holder.Unit is { } unit && unit != holder.Name)
            {
                part.Add($" · {Visible.Name(UnitName.Readable(unit))}");
            }

            if (holder.Count is { } count)
            {
                part.Add($" · {texts["page.holds", ("count", count)]}");
            }

            if (holder.StartedAt is { } started)
            {
                TimeSpan before = finding.Since - started;
                part.Add($" · {texts[before >= TimeSpan.Zero ? "page.started_before" : "page.started_after", ("time", PageFormat.Time(started)), ("span", before.Duration())]}");
            }

            part.Add($"</li>\n");
        }

        part.Add($"</ul>\n");
    }

    private static void AddSettings(HtmlWriter part, PageView view, Finding finding, TextBook texts)
    {
        if (finding.Verdict.Settings.IsEmpty)
        {
            return;
        }

        part.Add($"<h4>{texts["page.table.settings"]}</h4>\n<ul class=\"matters\">\n");
        foreach (string setting in finding.Verdict.Settings)
        {
            part.Add($"<li><code>{setting}</code>");
            if (ValueOf(view, finding.Netns, setting) is { } value)
            {
                part.Add($" = <code>{PageFormat.Of(value)}</code>");
            }

            part.Add($"</li>\n");
        }

        part.Add($"</ul>\n");
    }

    private static string? ValueOf(PageView view, string netns, string setting) =>
        (string?)view.Tables.FirstOrDefault(table => table.Id == "settings")?.Rows.FirstOrDefault(row => row[0] is string where && where == netns && row[1] is string name && name == setting)?[2];

    private static void AddRemedies(HtmlWriter part, Verdict verdict, TextBook texts)
    {
        if (verdict.Remedies.IsEmpty)
        {
            return;
        }

        part.Add($"<div class=\"what\"><h4>{texts["page.remedies"]}</h4>\n<ol class=\"remedies\">\n");
        foreach (Remedy remedy in verdict.Remedies)
        {
            part.Add($"""
                <li data-k="{remedy.Key}"><p><span class="kind">{texts[$"page.kind.{remedy.KindLabel}"]}</span> <b>{texts[$"remedy.{remedy.Key}.title", remedy.Values]}</b></p>
                <p class="effect">{texts.EffectOf(remedy)}
                """);
            if (remedy.Buys is { } buys)
            {
                part.Add($" <b>{texts["page.buys", ("time", buys)]}</b>");
            }

            part.Add($"</p>\n<p class=\"risk\">{texts["page.risk", ("risk", texts[$"remedy.{remedy.Key}.risk", remedy.Values])]}</p>\n");
            if (remedy.CommandLines is { IsEmpty: false } lines)
            {
                var commands = new Lines(string.Join('\n', lines));
                part.Add($"""<div class="command"><pre tabindex="0"><code>{commands}</code></pre><button type="button" class="copy needs-js" data-done="{texts["page.copied"]}">{texts["page.copy"]}</button></div>""");
            }

            part.Add($"</li>\n");
        }

        part.Add($"</ol></div>\n");
    }

    private static TimeSpan Positive(TimeSpan time) => time < TimeSpan.Zero ? TimeSpan.Zero : time;
}
