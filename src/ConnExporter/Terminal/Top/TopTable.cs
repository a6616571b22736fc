using System.Globalization;
using System.Text.Json;
using ConnExporter.Sampling;
using ConnExporter.Texts;

namespace ConnExporter.Terminal.Top;

/// <summary>The table of a tab as lines of a window.</summary>
internal sealed class TopTable
{
    private const string Unknown = "–";
    private const int LeastName = 12;

    // An IPv4 address with its port.
    private const int FirstName = 21;
    private readonly TextBook book;
    private readonly TerminalStyle style;
    private readonly TopState state;
    private readonly TopTrends trends;
    private readonly int width;
    private readonly int trendWidth;
    private readonly TopColumn[] columns;

    /// <summary>The table of the tab that is shown.</summary>
    /// <param name="book">The language.</param>
    /// <param name="style">Where it is read.</param>
    /// <param name="state">What was chosen.</param>
    /// <param name="trends">The last values.</param>
    /// <param name="width">Columns of the window.</param>
    public TopTable(TextBook book, TerminalStyle style, TopState state, TopTrends trends, int width)
    {
        this.book = book;
        this.style = style;
        this.state = state;
        this.trends = trends;
        this.width = width;
        trendWidth = TrendWidth(width);
        columns = ColumnsOf(state.Tab, width);
    }

    /// <summary>The columns that have room in a window, the first ones first.</summary>
    public static TopColumn[] ColumnsOf(TopTab tab, int width)
    {
        int left = width - TrendWidth(width) - 1;
        List<TopColumn> shown = [];
        foreach (TopColumn column in tab.Columns.Where(column => width >= column.From))
        {
            int needed = (column.IsNumber ? column.Width : LeastName) + 1;
            if (needed <= left)
            {
                shown.Add(column);
                left -= needed;
            }
        }

        return [.. shown];
    }

    /// <summary>What a row's trend is kept under.</summary>
    public static string KeyOf(TopTab tab, JsonElement row) => $"{tab.Id}\n{string.Join('\n', tab.Columns.Where(column => !column.IsNumber).Select(column => TextOf(row, column)))}";

    /// <summary>The rows that are to be shown, in their order.</summary>
    public JsonElement[] RowsOf(JsonElement snapshot)
    {
        IEnumerable<JsonElement> rows = snapshot.TryGetProperty(state.Tab.Id, out JsonElement table) ? table.EnumerateArray() : [];
        if (state.Filter.Length > 0)
        {
            rows = rows.Where(row => state.Tab.Columns.Any(column => !column.IsNumber && TextOf(row, column).Contains(state.Filter, StringComparison.OrdinalIgnoreCase)));
        }

        if (state.SortColumn is { } index && state.Tab.Columns[index] is var sort)
        {
            rows = sort.IsNumber ? rows.OrderByDescending(row => NumberOf(row, sort) ?? -1) : rows.OrderBy(row => TextOf(row, sort), StringComparer.Ordinal);
        }

        return [.. state.IsReversed ? rows.Reverse() : rows];
    }

    /// <summary>The headings; the one that it is sorted by is marked.</summary>
    public string Heading() => style.Strong(Line(column => Heading(column), trendWidth > 0 ? TextLayout.PadLeft(TextLayout.Cut(book["top.trend"], trendWidth), trendWidth + 1) : ""));

    /// <summary>One row.</summary>
    public string Row(JsonElement row)
    {
        string trend = trendWidth > 0 ? " " + trends.Draw(KeyOf(state.Tab, row), trendWidth, !style.Blocks) : "";
        TopColumn? share = Array.Find(columns, column => column.IsShare);
        string line = Line(column => Say(row, column), trend);
        return share is not null && NumberOf(row, share) is { } ratio && ratio >= ResourceText.NearlyFull ? style.Severity(ResourceText.SeverityOf(ratio), line) : line;
    }

    private string Heading(TopColumn column)
    {
        string mark = state.SortColumn is { } index && state.Tab.Columns[index] == column ? (column.IsNumber != state.IsReversed ? style.Blocks ? "▼" : "v" : style.Blocks ? "▲" : "^") : "";
        return book["page.column." + column.Key] + mark;
    }

    private string Line(Func<TopColumn, string> cell, string trend)
    {
        int[] widths = Widths();
        IEnumerable<string> cells = columns.Select((column, i) => TextLayout.Cut(cell(column), widths[i]) is var text && column.IsNumber ? TextLayout.PadLeft(text, widths[i]) : TextLayout.Pad(text, widths[i]));
        return string.Join(' ', cells) + trend;
    }

    private static int TrendWidth(int width) => width switch { >= 110 => 20, >= 72 => 8, _ => 0 };

    // Names share what numbers and the trend leave; the first one tells rows apart.
    private int[] Widths()
    {
        int names = columns.Count(column => !column.IsNumber);
        int left = width - (trendWidth > 0 ? trendWidth + 1 : 0) - columns.Sum(column => column.Width) - (columns.Length - 1);
        int others = Math.Max(1, names - 1);
        int first = names <= 1 ? left : Math.Clamp(FirstName, Math.Max(LeastName, left / names), Math.Max(LeastName, Math.Max(left / names, left - (others * LeastName))));
        int each = Math.Max(LeastName, (left - first) / others);
        return [.. columns.Select((column, i) => column.IsNumber ? column.Width : i == 0 ? first : each)];
    }

    private static string Say(JsonElement row, TopColumn column) => !column.IsNumber ? TextOf(row, column) is { Length: > 0 } text ? Sheet.Prose(text) : Unknown
        : NumberOf(row, column) is not { } number ? Unknown
        : column.IsShare ? TextBook.FormatShare(number)
        : column.Key == "pid" ? number.ToString("0", CultureInfo.InvariantCulture)
        : TextBook.Format((ulong)Math.Max(0, number));

    private static string TextOf(JsonElement row, TopColumn column) => row.TryGetProperty(column.Key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? Visible.Name(value.GetString()!) : "";

    /// <summary>A number of a row; null where it is not known.</summary>
    public static double? NumberOf(JsonElement row, TopColumn column) => row.TryGetProperty(column.Key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}
