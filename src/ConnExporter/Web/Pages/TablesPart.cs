using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Json;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>The tables: who holds what.</summary>
internal static class TablesPart
{
    /// <summary>Rows of all tables together that grow with the host: the page is to stay light on the busiest. JSON has all.</summary>
    public const int Shown = 64;

    private static readonly string[] Whole = ["settings", "collectors"];

    public static HtmlWriter Render(ImmutableArray<Table> tables, TextBook texts)
    {
        var part = new HtmlWriter();
        int shown = ShownOfEach(tables);
        foreach (Table table in tables)
        {
            Add(part, table, Whole.Contains(table.Id) ? table.Rows.Length : shown, texts);
        }

        return part;
    }

    /// <summary>Where there is little in one table, the others may have more.</summary>
    private static int ShownOfEach(ImmutableArray<Table> tables)
    {
        Table[] growing = [.. tables.Where(table => !Whole.Contains(table.Id))];
        int longest = growing.Max(table => table.Rows.Length);
        int shown = 1;
        while (shown < longest && growing.Sum(table => Math.Min(table.Rows.Length, shown + 1)) <= Shown)
        {
            shown++;
        }

        return shown;
    }

    private static void Add(HtmlWriter part, Table table, int shown, TextBook texts)
    {
        string title = texts[$"page.table.{table.Id}"];
        object?[][] rows = [.. table.Rows.Take(shown)];
        part.Add($"""
            <section class="table" data-k="{table.Id}">
            <h2 id="t-{table.Id}">{title} <span class="count">{table.Rows.Length}</span></h2>
            """);
        if (rows.Length == 0)
        {
            part.Add($"<p class=\"none\">{texts["page.no_rows"]}</p></section>\n");
            return;
        }

        int[] columns = [.. Enumerable.Range(0, table.Columns.Length).Where(i => table.Columns[i].Unsaid is not { } unsaid || rows.Any(row => row[i] as string != unsaid))];
        part.Add($"""<div class="scroll" role="region" tabindex="0" aria-labelledby="t-{table.Id}"><table data-table="{table.Id}"><thead><tr>""");
        foreach (Column column in columns.Select(i => table.Columns[i]))
        {
            part.Add($"""<th scope="col" class="{Class(column)}"><button type="button" class="sort">{texts[$"page.column.{column.Key}"]}</button></th>""");
        }

        part.Add($"</tr></thead><tbody>\n");
        foreach (object?[] row in rows)
        {
            part.Add($"""<tr data-k="{string.Join(' ', Enumerable.Range(0, row.Length).Where(i => table.Columns[i].IsName).Select(i => row[i] as string))}">""");
            foreach (int i in columns)
            {
                Add(part, table.Columns[i], row[i], texts);
            }

            part.Add($"</tr>\n");
        }

        part.Add($"</tbody></table></div>\n");
        if (table.Rows.Length > shown)
        {
            part.Add($"""<p class="none">{texts["page.more_rows", ("count", table.Rows.Length - shown)]} <a href="api/v1/snapshot">JSON</a></p>""");
        }

        part.Add($"</section>\n");
    }

    private static void Add(HtmlWriter part, Column column, object? value, TextBook texts)
    {
        switch (value)
        {
            case null:
                part.Add($"<td class=\"{Class(column)}\">{PageFormat.Unknown}</td>");
                break;
            case Share share:
                part.Add($"""<td class="n fill {ResourcesPart.Level(share.Ratio)}" data-v="{PageFormat.SortKey(value)}">{Drawing.Bar(share.Ratio, share.Ratio)}{TextBook.Format(share)}</td>""");
                break;
            case string text when !column.Texts.IsEmpty:
                part.Add($"""<td><span class="{column.Key} {text}">{string.Join(' ', column.Texts.Select(key => texts[key.Replace("{0}", text, StringComparison.Ordinal)]))}</span></td>""");
                break;
            case string text:
                part.Add($"<td>{PageFormat.Of(text)}</td>");
                break;
            case ulong count:
                part.Add($"<td class=\"n\">{PageFormat.Of(count)}</td>");
                break;
            default:
                part.Add($"""<td class="n" data-v="{PageFormat.SortKey(value)}">{(value is int number && column.Key == "pid" ? number.ToString() : PageFormat.Of(value))}</td>""");
                break;
        }
    }

    private static string Class(Column column) => column.IsNumber ? "n" : "t";
}
