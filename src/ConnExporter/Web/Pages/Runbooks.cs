using System.Collections.Frozen;
using System.Collections.Immutable;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>The runbooks that are in the program, <c>Runbooks/en/ID.md</c> and <c>Runbooks/zh/ID.md</c>.</summary>
internal static class Runbooks
{
    private const string Suffix = ".md";

    private static readonly FrozenSet<string> Names = EmbeddedFile.In("Runbooks/").ToFrozenSet(StringComparer.Ordinal);

    /// <summary>All ids.</summary>
    public static ImmutableArray<string> Ids { get; } =
        [.. Names.Select(name => name[(name.LastIndexOf('/') + 1)..^Suffix.Length]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>A runbook's text; English where it is not there in the language; null where there is none. The id may come from anybody: it only chooses.</summary>
    public static string? Find(string id, Language language)
    {
        string? name = new[] { language, Language.English }.Select(one => $"Runbooks/{one.Tag()}/{id}{Suffix}").FirstOrDefault(Names.Contains);
        return name is null ? null : EmbeddedFile.FindText(name);
    }

    /// <summary>A page with one runbook.</summary>
    public static string Render(string id, string text, TextBook texts)
    {
        var page = new HtmlWriter();
        SubPage.Begin(page, id, "../", texts);
        var lines = new Lines(text);
        page.Add($"<pre class=\"runbook\" tabindex=\"0\">{lines}</pre>\n");
        SubPage.End(page);
        return page.ToString();
    }

    /// <summary>A page that lists them.</summary>
    public static string RenderList(TextBook texts)
    {
        var page = new HtmlWriter();
        SubPage.Begin(page, texts["page.runbooks"], "", texts);
        page.Add($"<ul>\n");
        foreach (string id in Ids)
        {
            page.Add($"""
                <li><a href="runbooks/{id}?lang={texts.Language.Tag()}">{id}</a></li>

                """);
        }

        page.Add($"</ul>\n");
        SubPage.End(page);
        return page.ToString();
    }
}
