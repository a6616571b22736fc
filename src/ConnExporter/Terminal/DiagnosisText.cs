using System.Text.Json;
using ConnExporter.Kernel.Sources;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>All of a diagnosis for people: verdict, resources as bars, findings with evidence, holders and remedies. Made from the JSON document, so that both say the same.</summary>
internal sealed class DiagnosisText
{
    private const int BarWidth = 16;
    private const int TableWidth = 80;

    // What an instance needs beside the table to stand on the same line.
    private const int InstanceWidth = 30;
    private static readonly string[] ConntrackKinds = ["sources", "destinations", "protocols", "states"];
    private const string Missing = "–";
    private readonly TextBook book;
    private readonly TerminalStyle style;
    private readonly Sheet sheet;

    private DiagnosisText(TextBook book, TerminalStyle style)
    {
        this.book = book;
        this.style = style;
        sheet = new Sheet(style);
    }

    /// <summary>Renders a document of <see cref="Json.ReportJson"/>.</summary>
    /// <param name="document">The document.</param>
    /// <param name="book">The language.</param>
    /// <param name="style">Where it is read.</param>
    /// <exception cref="FormatException">It is no such document; likewise <see cref="KeyNotFoundException"/> and <see cref="InvalidOperationException"/>.</exception>
    public static string Render(JsonElement document, TextBook book, TerminalStyle style)
    {
        var renderer = new DiagnosisText(book, style);
        renderer.Write(document);
        return renderer.sheet.ToString();
    }

    /// <summary>Renders one finding of such a document.</summary>
    /// <param name="finding">The finding.</param>
    /// <param name="at">The time of the document.</param>
    /// <param name="book">The language.</param>
    /// <param name="style">Where it is read.</param>
    /// <exception cref="FormatException">As <see cref="Render"/>.</exception>
    public static string RenderFinding(JsonElement finding, DateTimeOffset at, TextBook book, TerminalStyle style)
    {
        var renderer = new DiagnosisText(book, style);
        renderer.WriteFinding(1, finding, at);
        return renderer.sheet.ToString();
    }

    private void Write(JsonElement document)
    {
        DateTimeOffset at = document.GetProperty("at").GetDateTimeOffset();
        JsonElement[] findings = [.. document.GetProperty("findings").EnumerateArray()];
        new VerdictText(book, sheet).Write(document, findings, at);
        sheet.Line();
        WriteResources(document.GetProperty("resources"));
        for (int i = 0; i < findings.Length; i++)
        {
            sheet.Line();
            WriteFinding(i + 1, findings[i], at);
        }

        WriteConntrack(document);
        WriteSettings(document, findings);
        NotSeenText.Write(book, sheet, document.GetProperty("not_seen"));
    }

    // One line a kind: its worst instance, the fullest first; namespaces besides our own where they have something to tell.
    private void WriteResources(JsonElement resources)
    {
        bool isWide = style.Width >= TableWidth + InstanceWidth;
        sheet.Line(style.Strong(TextLayout.Pad(book["cli.resource"], 27)) + TextLayout.Pad("", BarWidth + 1)
            + style.Faint($"{TextLayout.PadLeft(book["cli.used"], 6)} {TextLayout.PadLeft(book["cli.of"], 16)} {TextLayout.PadLeft(book["cli.left"], 11)}"));
        foreach (JsonElement resource in resources.EnumerateArray().OrderByDescending(resource => resource.GetProperty("used_ratio").GetDouble()))
        {
            bool own = Text(resource, "netns") == KernelSource.OwnNamespace;
            double ratio = resource.GetProperty("used_ratio").GetDouble();
            if (!own && ratio < ResourceText.Half)
            {
                continue;
            }

            bool isMemory = Text(resource, "resource") == ResourceText.Memory;
            string left = Seconds(resource, "exhaustion_seconds") is { } seconds ? TextBook.FormatTime(seconds) : Missing;
            string row = $"{TextLayout.Pad(TextLayout.Cut(Text(resource, "title"), 26), 27)}{style.Severity(ResourceText.SeverityOf(ratio), style.Bar(ratio, BarWidth))} "
                + $"{TextLayout.PadLeft(TextBook.FormatShare(ratio), 6)} {TextLayout.PadLeft(UsedOfLimit(WorstOf(resource), isMemory), 16)} {TextLayout.PadLeft(left, 11)}";
            string where = ResourceText.PlaceOf(resource);
            if (isWide || where.Length == 0)
            {
                sheet.Line(where.Length == 0 ? row : $"{row}  {style.Faint(Sheet.Prose(TextLayout.Cut(where, style.Width - TableWidth - 2)))}");
                continue;
            }

            sheet.Line(row);
            sheet.OneLine("  ", where, style.Faint);
        }
    }

    private void WriteFinding(int number, JsonElement finding, DateTimeOffset at)
    {
        DateTimeOffset since = finding.GetProperty("since").GetDateTimeOffset();
        string severity = Text(finding, "severity");
        Paragraph($"{number}. ", FindingText.TitleOf(book, finding), line => style.Severity(severity, line));
        foreach (string circumstance in FindingText.CircumstancesOf(book, finding, at))
        {
            Paragraph("   ", circumstance);
        }

        foreach (JsonElement fact in finding.GetProperty("evidence").EnumerateArray())
        {
            Paragraph("   - ", Text(fact, "text"));
        }

        foreach (JsonElement holder in finding.GetProperty("holders").EnumerateArray())
        {
            Paragraph("   ", book["cli.held_by", ("holder", HolderText.Of(book, holder, since, at))]);
        }

        JsonElement[] remedies = [.. finding.GetProperty("remedies").EnumerateArray()];
        foreach (JsonElement remedy in remedies)
        {
            WriteRemedy(remedy);
        }

        Line(style.Faint($"   {book["cli.more"]} conn-exporter explain {Text(finding, "finding")}"));
    }

    private void WriteRemedy(JsonElement remedy)
    {
        RemedyText.WriteTitle(book, sheet, remedy);
        string[] commands = RemedyText.CommandsOf(remedy);
        if (!commands.All(style.Carries))
        {
            // They belong together.
            Paragraph(Sheet.CommandIndent, book["remedies.withheld_by_locale"], style.Faint);
            commands = [];
        }

        foreach (string command in commands)
        {
            sheet.Command(command);
        }

        Paragraph(Sheet.CommandIndent, $"{Text(remedy, "effect")} {book["cli.risk", ("risk", Text(remedy, "risk"))]}", style.Faint);
    }

    private void WriteConntrack(JsonElement document)
    {
        if (!document.TryGetProperty("conntrack", out JsonElement top))
        {
            return;
        }

        Line();
        Line(style.Strong(book["cli.conntrack", ("entries", top.GetProperty("entries").GetUInt64())] + (top.GetProperty("whole").GetBoolean() ? "" : "+")));
        foreach (string kind in ConntrackKinds)
        {
            IEnumerable<string> rows = top.GetProperty(kind).EnumerateArray().Take(5).Select(row => $"{Text(row, "name")} {TextBook.Format(row.GetProperty("count").GetUInt64())}");
            Paragraph($"   {TextLayout.Pad(book["cli.conntrack." + kind], 14)}", string.Join(", ", rows));
        }
    }

    // Those that bear on something that was found, as they are in our own network namespace: others have their own.
    private void WriteSettings(JsonElement document, JsonElement[] findings)
    {
        HashSet<string> matter = [.. findings.Where(finding => Text(finding, "netns") == KernelSource.OwnNamespace).SelectMany(finding => finding.GetProperty("settings").EnumerateArray()).Select(name => name.GetString()!)];
        JsonElement[] settings = [.. document.GetProperty("settings").EnumerateArray().Where(setting => matter.Contains(Text(setting, "name")))];
        if (settings.Length == 0)
        {
            return;
        }

        Line();
        Line(style.Strong(book["cli.settings"]));
        foreach (JsonElement setting in settings)
        {
            Paragraph("   ", $"{Text(setting, "name")} = {Text(setting, "value")}");
        }
    }

    private void Paragraph(string begin, string content, Func<string, string>? look = null) => sheet.Paragraph(begin, content, look);

    private void Line(string line = "") => sheet.Line(line);
}
