using System.Text.Json;
using ConnExporter.Sampling;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>A remedy in a document of <see cref="Json.ReportJson"/>.</summary>
internal static class RemedyText
{
    /// <summary>What kind it is, in words, what it is, and what time it buys.</summary>
    public static void WriteTitle(TextBook book, Sheet sheet, JsonElement remedy, int most = int.MaxValue)
    {
        string buys = Seconds(remedy, "buys_seconds") is { } time ? " " + book["cli.buys", ("time", time)] : "";
        string kind = Text(remedy, "kind");
        sheet.Paragraph(
            $"   {book.Find("remedies.kind." + kind) ?? kind}{book["remedies.colon"]}", Text(remedy, "title") + buys, sheet.Style.Strong, most, Sheet.CommandIndent);
    }

    /// <summary>Its commands as they are shown.</summary>
    public static string[] CommandsOf(JsonElement remedy) =>
        [.. remedy.GetProperty("commands").EnumerateArray().Select(command => Visible.Of(command.GetString() ?? throw new FormatException("a command that is null")))];
}
