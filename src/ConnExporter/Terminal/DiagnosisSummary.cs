using System.Globalization;
using System.Text.Json;
using ConnExporter.Kernel.Sources;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>
/// What matters of a diagnosis, on one screen: verdict, the resources that are half used or grow, and of each finding its evidence, its holder and the first thing to do. Of one
/// trouble no more than <see cref="Screen"/> rows of 80 columns. What is left out is counted, and <see cref="DiagnosisText"/> has it.
/// </summary>
internal sealed class DiagnosisSummary
{
    /// <summary>Rows of the smallest terminal that people have.</summary>
    public const int Screen = 24;

    // Of several findings each has about half a screen, and the worst few are told.
    private const int ForEach = 12;
    private const int Told = 3;
    private const int MostOfPart = 2;
    private const int MostResources = 3;
    private const int ShareWidth = 5;
    private const int NarrowBar = 8;
    private const int WideBar = 24;
    private const int Wide = 110;

    // Rows of commands that belong to one remedy.
    private const int MostCommandRows = 5;
    private const string Indent = "   ";
    private readonly TextBook book;
    private readonly TerminalStyle style;
    private readonly Sheet sheet;

    private DiagnosisSummary(TextBook book, TerminalStyle style)
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
        var renderer = new DiagnosisSummary(book, style);
        renderer.Write(document);
        return renderer.sheet.ToString();
    }

    private void Write(JsonElement document)
    {
        DateTimeOffset at = document.GetProperty("at").GetDateTimeOffset();
        JsonElement[] findings = [.. document.GetProperty("findings").EnumerateArray()];
        JsonElement[] bad = [.. findings.Where(finding => Text(finding, "severity") != "info")];
        new VerdictText(book, sheet).Write(document, findings, at, MostOfPart);
        WriteResources(document.GetProperty("resources"));

        // Beside something wrong a note is one line; so is what is not among the worst.
        JsonElement[] told = bad.Length > 0 ? [.. bad.Take(Told)] : [.. findings.Take(Told)];
        string? conntrack = SayConntrack(document);
        string? notSeen = bad.Length > 0 ? SayNotSeen(document) : null;
        int last = (conntrack is null ? 0 : 1) + (notSeen is null ? 0 : 1) + (findings.Length > told.Length ? 1 : 0);
        foreach ((int index, JsonElement finding) in told.Index())
        {
            sheet.Line();
            WriteFinding(told.Length == 1 ? null : index + 1, finding, at, told.Length == 1 ? Screen - sheet.Rows - last : ForEach);
        }

        if (findings.Length > told.Length)
        {
            WriteOthers(findings[told.Length..], told.Length + 1);
        }

        foreach (string line in ((string?[])[conntrack, notSeen]).OfType<string>())
        {
            sheet.OneLine("", line, style.Faint);
        }

        if (bad.Length == 0)
        {
            NotSeenText.Write(book, sheet, document.GetProperty("not_seen"));
        }
    }

    // A line each for what is half used or grows; the others in one.
    private void WriteResources(JsonElement resources)
    {
        JsonElement[] all = [.. resources.EnumerateArray().OrderByDescending(RatioOf)];
        JsonElement[] shown = [.. all.Where(resource => RatioOf(resource) >= ResourceText.Half || ResourceText.LeftOf(resource) is not null).Take(MostResources)];
        if (all.Length > 0)
        {
            sheet.Line();
        }

        int bar = style.Width >= Wide ? WideBar : NarrowBar;
        (double Ratio, string Name, string Used)[] rows = [.. shown.Select(resource => (RatioOf(resource), NameOf(resource), UsedOf(resource)))];
        int usedWidth = rows.Select(row => TextLayout.WidthOf(row.Used)).DefaultIfEmpty().Max();
        int room = style.Width - ShareWidth - bar - 3 - usedWidth;
        int nameWidth = Math.Min(room, rows.Select(row => TextLayout.WidthOf(row.Name)).DefaultIfEmpty().Max());
        foreach ((double ratio, string name, string used) in rows)
        {
            string share = TextLayout.PadLeft(TextBook.FormatShare(ratio), ShareWidth);
            sheet.Line($"{share} {style.Severity(ResourceText.SeverityOf(ratio), style.Bar(ratio, bar))} {TextLayout.Pad(Sheet.Prose(TextLayout.Cut(name, nameWidth)), nameWidth)} {used}");
        }

        WriteRest([.. all.Except(shown)], shown.Length > 0);
    }

    private string NameOf(JsonElement resource) => Text(resource, "title") + (ResourceText.PlaceOf(resource) is { Length: > 0 } place ? book["remedies.colon"] + place : "");

    private string UsedOf(JsonElement resource)
    {
        string used = UsedOfLimit(WorstOf(resource), Text(resource, "resource") == ResourceText.Memory);
        return ResourceText.LeftOf(resource) is { } left ? $"{used} {book["cli.time_left", ("left", left)]}" : used;
    }

    private void WriteRest(JsonElement[] rest, bool isRest)
    {
        string[] said = [.. rest.Where(resource => Text(resource, "netns") == KernelSource.OwnNamespace || RatioOf(resource) >= ResourceText.Half).Select(resource => $"{Text(resource, "title")} {TextBook.FormatShare(RatioOf(resource))}")];
        if (said.Length == 0)
        {
            return;
        }

        for (int named = said.Length; ; named--)
        {
            string line = book[isRest ? "cli.resources.rest" : "cli.resources.all", ("resources", string.Join(" · ", said[..named]))] + (named < said.Length ? $" +{(said.Length - named).ToString(CultureInfo.InvariantCulture)}" : "");
            if (named == 1 || TextLayout.WidthOf(line) <= style.Width)
            {
                sheet.OneLine("", line, style.Faint);
                return;
            }
        }
    }

    // Without a number it is the only one.
    private void WriteFinding(int? number, JsonElement finding, DateTimeOffset at, int rows)
    {
        string severity = Text(finding, "severity");
        DateTimeOffset since = finding.GetProperty("since").GetDateTimeOffset();
        int begin = sheet.Rows;

        // The verdict has said it already where it is the only one.
        bool isSaid = number is null && severity != "info" && Text(finding, "netns") == KernelSource.OwnNamespace;
        if (!isSaid)
        {
            sheet.Paragraph(number is { } one ? $"{one.ToString(CultureInfo.InvariantCulture)}. " : "", FindingText.TitleOf(book, finding), line => style.Severity(severity, line), MostOfPart);
        }

        foreach (string circumstance in FindingText.CircumstancesOf(book, finding, at))
        {
            sheet.Paragraph(Indent, circumstance, most: MostOfPart);
        }

        // What comes after the evidence is written first, to know what is left for it.
        var after = new DiagnosisSummary(book, style);
        after.WriteHolders(finding, since, at);
        after.WriteFirstRemedy(finding);
        WriteEvidence([.. finding.GetProperty("evidence").EnumerateArray().Select(fact => Text(fact, "text"))], rows - (sheet.Rows - begin) - after.sheet.Rows);
        sheet.Append(after.sheet);
    }

    // The most telling comes first, and is there whatever room there is.
    private void WriteEvidence(string[] facts, int rows)
    {
        const string Begin = Indent + "- ";
        int left = 0;
        for (int i = 0; i < facts.Length; i++)
        {
            bool isLast = i == facts.Length - 1;
            int room = rows - (isLast && left == 0 ? 0 : 1);
            int lines = sheet.LinesOf(Begin, facts[i]);
            if (lines > room && i > 0)
            {
                left++;
                continue;
            }

            sheet.Paragraph(Begin, facts[i], most: Math.Max(1, room));
            rows -= Math.Min(lines, Math.Max(1, room));
        }

        if (left > 0)
        {
            sheet.OneLine(Indent, book["cli.more_evidence", ("count", left)], style.Faint);
        }
    }

    private void WriteHolders(JsonElement finding, DateTimeOffset since, DateTimeOffset at)
    {
        JsonElement[] holders = [.. finding.GetProperty("holders").EnumerateArray()];
        if (holders.Length > 0)
        {
            string others = holders.Length > 1 ? $" ({book["cli.verdict.others", ("others", holders.Length - 1)]})" : "";
            sheet.Paragraph(Indent, book["cli.held_by", ("holder", HolderText.Of(book, holders[0], since, at) + others)], most: MostOfPart);
        }
    }

    // The first that has commands; where none has, the first says what it does.
    private void WriteFirstRemedy(JsonElement finding)
    {
        JsonElement[] remedies = [.. finding.GetProperty("remedies").EnumerateArray()];
        int first = Math.Max(0, Array.FindIndex(remedies, remedy => remedy.GetProperty("commands").GetArrayLength() > 0));
        if (remedies.Length > 0)
        {
            RemedyText.WriteTitle(book, sheet, remedies[first], MostOfPart);
            string[] commands = RemedyText.CommandsOf(remedies[first]);
            if (commands.Length == 0)
            {
                sheet.Paragraph(Sheet.CommandIndent, Text(remedies[first], "effect"), style.Faint, MostOfPart + 1);
            }
            else if (!commands.All(style.Carries))
            {
                sheet.Paragraph(Sheet.CommandIndent, book["remedies.withheld_by_locale"], style.Faint);
            }
            else
            {
                WriteCommands(remedies[first], commands);
            }
        }

        // A command stays on its line.
        string explain = $"{book["cli.more"]} conn-exporter explain {Text(finding, "finding")}";
        string full = remedies.Length > 1 ? book["cli.more_remedies", ("count", remedies.Length - 1)] : "";
        bool isOne = TextLayout.WidthOf($"{Indent}{full} {explain}") <= style.Width;
        foreach (string line in isOne ? (string[])[$"{full} {explain}".TrimStart()] : [full, explain])
        {
            sheet.Line(style.Faint(Indent + line));
        }
    }

    private void WriteCommands(JsonElement remedy, string[] commands)
    {
        int rows = 0;
        int shown = 0;
        foreach (string command in commands.TakeWhile(command => shown == 0 || rows + sheet.RowsOf(command) <= MostCommandRows))
        {
            sheet.Command(command);
            rows += sheet.RowsOf(command);
            shown++;
        }

        if (shown < commands.Length)
        {
            sheet.OneLine(Sheet.CommandIndent, book["cli.more_commands", ("count", commands.Length - shown)]);
        }

        if (remedy.TryGetProperty("unread", out JsonElement unread))
        {
            sheet.Paragraph(Sheet.CommandIndent, book["remedies.unread", ("settings", string.Join(", ", unread.EnumerateArray().Select(name => Sampling.Visible.Of(name.GetString() ?? throw new FormatException("unread has a null")))))], style.Faint);
        }

        sheet.Paragraph(Sheet.CommandIndent, book["cli.risk", ("risk", Text(remedy, "risk"))], style.Faint, MostOfPart);
    }

    // Each in a line, the worse first; as many as a few.
    private void WriteOthers(JsonElement[] others, int number)
    {
        JsonElement[] bad = [.. others.Where(finding => Text(finding, "severity") != "info")];
        if (bad.Length > 0)
        {
            sheet.Line();
        }

        foreach ((int index, JsonElement finding) in bad.Index())
        {
            string severity = Text(finding, "severity");
            sheet.OneLine($"{(number + index).ToString(CultureInfo.InvariantCulture)}. ", FindingText.TitleOf(book, finding), line => style.Severity(severity, line));
        }

        JsonElement[] notes = [.. others.Skip(bad.Length)];
        if (notes.Length > 0)
        {
            sheet.OneLine("", book["cli.more_notes", ("count", notes.Length), ("title", Text(notes[0], "title"))], style.Faint);
        }
    }

    private string? SayConntrack(JsonElement document)
    {
        if (!document.TryGetProperty("conntrack", out JsonElement top))
        {
            return null;
        }

        IEnumerable<string> most = ((string[])["sources", "destinations", "states"])
            .Select(kind => (Kind: kind, Rows: top.GetProperty(kind)))
            .Where(one => one.Rows.GetArrayLength() > 0)
            .Select(one => $"{book["cli.conntrack." + one.Kind]} {Text(one.Rows[0], "name")} {TextBook.Format(one.Rows[0].GetProperty("count").GetUInt64())}");
        return $"{book["cli.conntrack.most"]} {string.Join(" · ", most)}";
    }

    private string? SayNotSeen(JsonElement document)
    {
        string[] what = [.. document.GetProperty("not_seen").EnumerateArray().Select(one => Text(one, "what"))];
        return what.Length == 0 ? null : $"{book["cli.not_seen"]}{book["remedies.colon"]}{string.Join(", ", what)}";
    }

    private static double RatioOf(JsonElement resource) => resource.GetProperty("used_ratio").GetDouble();
}
