using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>The frame of the pages beside the status page.</summary>
internal static class SubPage
{
    /// <summary>Everything before the content.</summary>
    /// <param name="page">Where to.</param>
    /// <param name="title">The title.</param>
    /// <param name="up">The way up to the status page, such as <c>../</c>.</param>
    /// <param name="texts">The language.</param>
    public static void Begin(HtmlWriter page, string title, string up, TextBook texts) => page.Add($"""
        <!DOCTYPE html>
        <html lang="{texts.Language.Tag()}">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{title}</title>
        <link rel="stylesheet" href="{up}{Assets.Style.Reference}">
        <link rel="icon" href="{up}{Assets.Icon.Reference}">
        </head>
        <body>
        <header><p class="brand"><b>conn-exporter</b></p><nav aria-label="{texts["page.links"]}"><a href="{up}./?lang={texts.Language.Tag()}">{texts["page.status"]}</a></nav></header>
        <main id="main">
        <h1>{title}</h1>

        """);

    /// <summary>Everything after it.</summary>
    public static void End(HtmlWriter page) => page.Add($"</main>\n</body>\n</html>\n");
}
