using ConnExporter.Json;
using ConnExporter.State;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>The status page: what runs out, who holds it, when will it be gone, what to do.</summary>
/// <remarks>
/// It is whole without a script. The script only asks for its parts again (<c>/api/v1/page</c>) and puts into the page what has changed. Every address in it
/// is relative, so that it works behind a proxy under any path.
/// </remarks>
internal static class StatusPage
{
    /// <summary>Renders the page.</summary>
    /// <param name="parts">What it shows; null before the first diagnosis.</param>
    /// <param name="texts">In which language.</param>
    /// <param name="site">What does not change.</param>
    public static string Render(PageParts? parts, TextBook texts, PageSite site)
    {
        var page = new HtmlWriter();
        string other = texts.Language == Language.English ? Language.Chinese.Tag() : Language.English.Tag();
        string title = parts?.Title ?? $"{texts["page.waiting"]} · {site.HostName}";
        page.Add($"""
            <!DOCTYPE html>
            <html lang="{texts.Language.Tag()}">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{title}</title>
            <link rel="stylesheet" href="{Assets.Style.Reference}">
            <link rel="icon" href="{Assets.Icon.Reference}">
            <script src="{Assets.Script.Reference}" defer></script>
            <noscript><meta http-equiv="refresh" content="10"></noscript>
            </head>
            <body data-lang="{texts.Language.Tag()}">
            <a class="skip" href="#main">{texts["page.skip"]}</a>
            <header>
            <p class="brand"><b>conn-exporter</b> <span class="host">{site.HostName}</span></p>
            <p class="live needs-js"><span id="live" data-live="{texts["page.live"]}" data-paused="{texts["page.paused"]}" data-held="{texts["page.held"]}" data-lost="{texts["page.lost"]}"></span>
            <button type="button" id="pause" aria-pressed="false">{texts["page.pause"]}</button></p>
            <nav aria-label="{texts["page.links"]}"><a href="{site.TelemetryPath.TrimStart('/')}">{texts["page.metrics"]}</a>
            <a href="api/v1/diagnosis">JSON</a> <a href="api/v1/snapshot">{texts["page.snapshot"]}</a> <a href="api/v1/history">{texts["page.history"]}</a>
            """);
        foreach ((string href, string key) in site.Links)
        {
            page.Add($"""
                 <a href="{href}?lang={texts.Language.Tag()}">{texts[key]}</a>
                """);
        }

        page.Add($"""
             <a href="?lang={other}" hreflang="{other}" lang="{other}">{texts["page.other_language"]}</a></nav>
            </header>
            <main id="main">
            <div id="part-verdict">{parts?.Verdict ?? Waiting(texts)}</div>
            <div id="part-findings">{parts?.Findings ?? new HtmlWriter()}</div>
            <div id="part-resources">{parts?.Resources ?? new HtmlWriter()}</div>
            <div class="filter needs-js"><label for="filter">{texts["page.filter"]}</label> <input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="{texts["page.filter_hint"]}"></div>
            <div id="part-tables">{parts?.Tables ?? new HtmlWriter()}</div>
            </main>
            <footer><p>conn-exporter {BuildVersion.Version} · {texts["page.footer"]}</p></footer>
            </body>
            </html>

            """);
        return page.ToString();
    }

    private static HtmlWriter Waiting(TextBook texts)
    {
        var part = new HtmlWriter();
        part.Add($"""<section class="verdict unknown" data-k="verdict"><h1>{texts["page.waiting"]}</h1></section>""");
        return part;
    }
}

/// <summary>What the page shows at one time, piece by piece.</summary>
/// <param name="Title">The title of the window.</param>
/// <param name="Verdict">How it stands, in a sentence.</param>
/// <param name="Findings">What is wrong.</param>
/// <param name="Resources">What there is of everything.</param>
/// <param name="Tables">Who holds what.</param>
internal sealed record PageParts(string Title, HtmlWriter Verdict, HtmlWriter Findings, HtmlWriter Resources, HtmlWriter Tables)
{
    /// <summary>Renders all of them.</summary>
    public static PageParts Of(PageView view, TextBook texts, PageSite site) => new(
        $"{VerdictPart.Word(view.Report, texts)} · {site.HostName}",
        VerdictPart.Render(view, texts),
        FindingsPart.Render(view, texts),
        ResourcesPart.Render(view, texts),
        TablesPart.Render(view.Tables, texts));
}

/// <summary>What the page says that does not change while the daemon runs.</summary>
/// <param name="HostName">The name of this host.</param>
/// <param name="TelemetryPath">The path of the metrics page.</param>
internal sealed record PageSite(string HostName, string TelemetryPath)
{
    /// <summary>Further pages: a relative address and the key of its name.</summary>
    public IEnumerable<(string Href, string Key)> Links =>
        [.. HasIncidents ? [("incidents", "page.incidents")] : Array.Empty<(string, string)>(), .. Runbooks.Ids.IsEmpty ? Array.Empty<(string, string)>() : [("runbooks", "page.runbooks")]];

    /// <summary>Whether a flight recorder keeps records.</summary>
    public bool HasIncidents { get; init; }
}
