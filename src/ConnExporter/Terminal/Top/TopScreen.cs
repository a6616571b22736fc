using System.Globalization;
using System.Text.Json;
using ConnExporter.Kernel;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal.Top;

/// <summary>A window of <c>top</c>: verdict, the fullest resources, the tabs and the table of one, as many lines as there are rows and none wider.</summary>
internal sealed class TopScreen(TextBook book, TerminalStyle style, TopTrends trends)
{
    private const int ManyRows = 30;
    private const int FewRows = 14;
    private const int BarWidth = 12;
    private const int Wide = 110;
    private const int WideSpark = 20;
    private const int NarrowSpark = 8;

    /// <summary>What trends are kept under for a resource.</summary>
    public static string KeyOf(JsonElement resource) => $"resource\n{Text(resource, "resource")}\n{Text(resource, "netns")}";

    /// <summary>Notes the newest values of everything that may be shown.</summary>
    public void Remember(TopFrame frame)
    {
        foreach (JsonElement resource in frame.Diagnosis.GetProperty("resources").EnumerateArray())
        {
            trends.Add(KeyOf(resource), resource.GetProperty("used_ratio").GetDouble());
        }

        foreach (TopTab tab in TopTab.All)
        {
            TopColumn trend = tab.Columns.First(column => column.Key == tab.Trend);
            foreach (JsonElement row in frame.Snapshot.TryGetProperty(tab.Id, out JsonElement table) ? table.EnumerateArray() : default)
            {
                trends.Add(TopTable.KeyOf(tab, row), TopTable.NumberOf(row, trend) ?? 0);
            }
        }

        trends.End();
    }

    /// <summary>Draws it.</summary>
    /// <param name="frame">What there is to show; null before anything was read.</param>
    /// <param name="state">What was chosen.</param>
    /// <param name="size">The window.</param>
    public string[] Draw(TopFrame? frame, TopState state, TerminalSize size)
    {
        List<string> lines = [];
        if (state.IsHelp)
        {
            lines.AddRange(book["top.help"].Split('\n').SelectMany(line => TextLayout.Wrap(line, size.Columns).DefaultIfEmpty("")));
        }
        else if (frame is null)
        {
            lines.Add(book["top.reading"]);
        }
        else
        {
            DrawTop(lines, frame, size);
            DrawTable(lines, frame, state, size);
        }

        // The last row is the footer's.
        int room = size.Rows - 1;
        return [.. lines.Take(room), .. Enumerable.Repeat("", Math.Max(0, room - lines.Count)), style.Faint(TextLayout.Cut(state.IsTyping ? $"/{state.Filter}_" : (state.Filter.Length > 0 ? $"/{state.Filter} · " : "") + book["top.footer"], size.Columns))];
    }

    private void DrawTop(List<string> lines, TopFrame frame, TerminalSize size)
    {
        JsonElement document = frame.Diagnosis;
        string source = book[frame.IsOfDaemon ? "top.of_daemon" : "top.of_own_look"];
        lines.Add(style.Faint(TextLayout.Cut($"{Text(document, "host")} · {document.GetProperty("at").GetDateTimeOffset().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)} · {source}", size.Columns)));
        string verdict = Text(document, "verdict");
        JsonElement[] bad = [.. document.GetProperty("findings").EnumerateArray().Where(finding => Text(finding, "severity") != "info")];
        string said = bad.Length == 0 ? (document.GetProperty("complete").GetBoolean() ? book["cli.verdict.ok", ("what", VerdictText.LookedAt(document))] : book["cli.verdict.could_not_tell"])
            : book["cli.verdict." + verdict, ("title", Text(bad[0], "title"))] + (bad.Length > 1 ? $" ({book["cli.verdict.others", ("others", bad.Length - 1)]})" : "");
        lines.Add(style.Severity(bad.Length > 0 ? verdict : "ok", Sheet.Prose(TextLayout.Cut(said, size.Columns))));
        foreach (JsonElement resource in document.GetProperty("resources").EnumerateArray().OrderByDescending(resource => resource.GetProperty("used_ratio").GetDouble())
            .Take(size.Rows < FewRows ? 1 : size.Rows < ManyRows ? 3 : 6))
        {
            lines.Add(Draw(resource, size.Columns));
        }
    }

    private string Draw(JsonElement resource, int width)
    {
        double ratio = resource.GetProperty("used_ratio").GetDouble();
        bool isWide = width >= 60;
        string left = isWide && ResourceText.LeftOf(resource) is { } time ? $" {book["cli.time_left", ("left", time)]}" : "";
        string used = $" {UsedOfLimit(WorstOf(resource), Text(resource, "resource") == ResourceText.Memory)}{left}";
        string begin = TextLayout.PadLeft(TextBook.FormatShare(ratio), 5);
        string spark = isWide ? $" {trends.Draw(KeyOf(resource), width >= Wide ? WideSpark : NarrowSpark, !style.Blocks)}" : "";
        int room = Math.Max(1, width - begin.Length - 1 - BarWidth - 1 - spark.Length - TextLayout.WidthOf(used));
        string name = Text(resource, "title") + (ResourceText.PlaceOf(resource) is { Length: > 0 } place ? book["remedies.colon"] + place : "");
        return $"{begin} {style.Severity(ResourceText.SeverityOf(ratio), style.Bar(ratio, BarWidth))}{spark} {TextLayout.Pad(Sheet.Prose(TextLayout.Cut(name, room)), room)}{used}";
    }

    private void DrawTable(List<string> lines, TopFrame frame, TopState state, TerminalSize size)
    {
        lines.Add("");
        lines.Add(Tabs(state, size.Columns));
        var table = new TopTable(book, style, state, trends, size.Columns);
        JsonElement[] rows = table.RowsOf(frame.Snapshot);
        lines.Add(table.Heading());
        int room = Math.Max(1, size.Rows - 1 - lines.Count);
        state.ScrollWithin(rows.Length, room);
        if (rows.Length == 0)
        {
            lines.Add(style.Faint(book[state.Filter.Length > 0 ? "top.none_match" : "top.empty"]));
        }

        lines.AddRange(rows.Skip(state.Offset).Take(room).Select(table.Row));
    }

    // Names where there is room for them; the one that is shown has its name in any window.
    private string Tabs(TopState state, int width)
    {
        string[] names = [.. TopTab.All.Select((tab, i) => $"{(i + 1).ToString(CultureInfo.InvariantCulture)} {book["top.tab." + tab.Id]}")];
        bool fits = names.Sum(name => TextLayout.WidthOf(name) + 3) <= width;
        return string.Join(' ', names.Select((name, i) => i == state.Index ? style.Chosen($"[{name}]") : fits ? $" {name} " : $" {name[..1]} "));
    }
}
