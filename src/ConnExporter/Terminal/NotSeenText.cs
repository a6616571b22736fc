using System.Text.Json;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>What could not be seen, and why.</summary>
internal static class NotSeenText
{
    public static void Write(TextBook book, Sheet sheet, JsonElement notSeen)
    {
        if (notSeen.GetArrayLength() == 0)
        {
            return;
        }

        sheet.Line();
        sheet.Line(sheet.Style.Strong(book["cli.not_seen"]));
        foreach (JsonElement what in notSeen.EnumerateArray())
        {
            sheet.Paragraph("   - ", $"{Text(what, "what")}: {Text(what, "why")}");
        }
    }
}
