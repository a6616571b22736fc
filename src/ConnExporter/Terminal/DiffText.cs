using System.Globalization;
using System.Text.Json;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>What has changed between two saved diagnoses: findings, resources, sockets by state, settings.</summary>
internal sealed class DiffText
{
    private const double Worth = 0.01;
    private const string Untold = "untold";
    private readonly TextBook book;
    private readonly Sheet sheet;

    private DiffText(TextBook book, TerminalStyle style)
    {
        this.book = book;
        sheet = new Sheet(style);
    }

    /// <summary>Renders it.</summary>
    /// <param name="before">The earlier document of <see cref="Json.ReportJson"/>.</param>
    /// <param name="after">The later one.</param>
    /// <param name="book">The language.</param>
    /// <param name="style">Where it is read.</param>
    /// <param name="isSame">Whether findings and settings are the same in both.</param>
    /// <exception cref="FormatException">One is no such document; likewise <see cref="KeyNotFoundException"/> and <see cref="InvalidOperationException"/>.</exception>
    public static string Render(JsonElement before, JsonElement after, TextBook book, TerminalStyle style, out bool isSame)
    {
        var renderer = new DiffText(book, style);
        renderer.WriteTitle(before, after);
        isSame = renderer.WriteFindings(before, after);
        renderer.WriteResources(before, after);
        renderer.WriteSockets(before, after);
        isSame &= renderer.WriteSettings(before, after);
        return renderer.sheet.ToString();
    }

    private void WriteTitle(JsonElement before, JsonElement after)
    {
        DateTimeOffset from = before.GetProperty("at").GetDateTimeOffset();
        DateTimeOffset to = after.GetProperty("at").GetDateTimeOffset();
        string host = Text(before, "host") == Text(after, "host") ? Text(after, "host") : $"{Text(before, "host")} → {Text(after, "host")}";
        sheet.Paragraph("", $"{host} · {Say(from)} → {Say(to)} ({book["diff.later", ("time", to >= from ? to - from : from - to)]})", sheet.Style.Faint);
        (string was, string now) = (Severity(before), Severity(after));
        sheet.Paragraph("", was == now ? book["diff.verdict_same", ("verdict", VerdictOf(now))] : book["diff.verdict", ("before", VerdictOf(was)), ("after", VerdictOf(now))], line => sheet.Style.Severity(now, line));
    }

    private bool WriteFindings(JsonElement before, JsonElement after)
    {
        Dictionary<string, JsonElement> were = FindingsOf(before);
        Dictionary<string, JsonElement> are = FindingsOf(after);
        bool isSame = true;
        foreach ((string key, JsonElement finding) in are)
        {
            bool isNew = !were.TryGetValue(key, out JsonElement old);
            string severity = Text(finding, "severity");
            if (isNew || Text(old, "severity") != severity)
            {
                sheet.Paragraph(isNew ? "+ " : "~ ", FindingText.TitleOf(book, finding) + (isNew ? "" : $" ({book["diff.was", ("before", book["severity." + Text(old, "severity")])]})"), line => sheet.Style.Severity(severity, line));
                isSame = false;
            }
        }

        // What was not looked at in full need not be over.
        bool isTold = IsComplete(after);
        foreach ((string _, JsonElement finding) in were.Where(one => !are.ContainsKey(one.Key)))
        {
            sheet.Paragraph(isTold ? "- " : "? ", FindingText.TitleOf(book, finding) + (isTold ? "" : $" ({book["diff.not_told"]})"), sheet.Style.Faint);
            isSame = false;
        }

        if (isSame)
        {
            sheet.Line(book["diff.same_findings", ("count", are.Count)]);
        }

        return isSame;
    }

    // The instances whose share has changed, most of all first.
    private void WriteResources(JsonElement before, JsonElement after)
    {
        Dictionary<string, (string Name, JsonElement Instance, bool IsMemory)> were = InstancesOf(before);
        Dictionary<string, (string Name, JsonElement Instance, bool IsMemory)> are = InstancesOf(after);
        (string Name, JsonElement? Was, JsonElement? Is, double Change, bool IsMemory)[] rows =
        [
            .. were.Keys.Union(are.Keys).Select(key =>
            {
                (string Name, JsonElement Instance, bool IsMemory)? was = were.TryGetValue(key, out (string Name, JsonElement Instance, bool IsMemory) old) ? old : null;
                (string Name, JsonElement Instance, bool IsMemory)? now = are.TryGetValue(key, out (string Name, JsonElement Instance, bool IsMemory) known) ? known : null;
                return (Name: (now ?? was)!.Value.Name, Was: was?.Instance, Is: now?.Instance, Change: RatioOf(now?.Instance) - RatioOf(was?.Instance), (now ?? was)!.Value.IsMemory);
            }).Where(row => Math.Abs(row.Change) >= Worth).OrderByDescending(row => Math.Abs(row.Change)),
        ];
        if (rows.Length == 0)
        {
            return;
        }

        sheet.Line();
        foreach ((string name, JsonElement? was, JsonElement? now, double change, bool isMemory) in rows)
        {
            // An instance that has no row may be gone, new, or not read: a change is told where there are two values.
            string percent = was is null || now is null ? "" : $"{(change > 0 ? "+" : "−")}{Math.Abs(Math.Round(change * 100)).ToString(CultureInfo.InvariantCulture)} %";
            string begin = TextLayout.PadLeft(percent, 7) + "  ";
            string amounts = $"{(was is { } old ? UsedOfLimit(old, isMemory) : "–")} → {(now is { } known ? UsedOfLimit(known, isMemory) : "–")}";
            sheet.Paragraph(begin, $"{name}{book["remedies.colon"]}{amounts}");
        }
    }

    private void WriteSockets(JsonElement before, JsonElement after)
    {
        if (!before.TryGetProperty("sockets", out JsonElement were) || !after.TryGetProperty("sockets", out JsonElement are))
        {
            return;
        }

        string[] changed =
        [
            .. are.EnumerateObject().Where(state => were.TryGetProperty(state.Name, out JsonElement was) && was.GetUInt64() != state.Value.GetUInt64())
                .Select(state => $"{state.Name.ToUpperInvariant()} {TextBook.Format(were.GetProperty(state.Name).GetUInt64())} → {TextBook.Format(state.Value.GetUInt64())}"),
        ];
        if (changed.Length > 0)
        {
            sheet.Line();
            sheet.Paragraph("", book["cli.verdict.sockets", ("states", string.Join(" · ", changed))]);
        }
    }

    private bool WriteSettings(JsonElement before, JsonElement after)
    {
        var were = before.GetProperty("settings").EnumerateArray().ToDictionary(setting => Text(setting, "name"), setting => Text(setting, "value"));
        (string Name, string Was, string Is)[] changed =
        [
            .. after.GetProperty("settings").EnumerateArray().Select(setting => (Name: Text(setting, "name"), Is: Text(setting, "value")))
                .Where(setting => were.TryGetValue(setting.Name, out string? was) && was != setting.Is).Select(setting => (setting.Name, were[setting.Name], setting.Is)),
        ];
        if (changed.Length > 0)
        {
            sheet.Line();
        }

        foreach ((string name, string was, string now) in changed)
        {
            sheet.Paragraph("", $"{name} = {was} → {now}");
        }

        return changed.Length == 0;
    }

    private static Dictionary<string, JsonElement> FindingsOf(JsonElement document)
    {
        var found = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonElement finding in document.GetProperty("findings").EnumerateArray())
        {
            found.TryAdd($"{Text(finding, "finding")}\n{Text(finding, "netns")}\n{Text(finding, "instance")}", finding);
        }

        return found;
    }

    private Dictionary<string, (string Name, JsonElement Instance, bool IsMemory)> InstancesOf(JsonElement document)
    {
        var found = new Dictionary<string, (string, JsonElement, bool)>(StringComparer.Ordinal);
        foreach (JsonElement resource in document.GetProperty("resources").EnumerateArray())
        {
            string netns = Text(resource, "netns");
            string where = netns == KernelSource.OwnNamespace ? "" : $" [netns {Visible.Name(netns)}]";
            foreach (JsonElement instance in resource.GetProperty("instances").EnumerateArray())
            {
                string name = Text(instance, "instance");
                found.TryAdd(
                    $"{Text(resource, "resource")}\n{netns}\n{name}",
                    ($"{book.Find("resource." + Text(resource, "resource")) ?? Text(resource, "title")}{(name == Diagnosis.Resources.ResourceInstance.Host ? "" : " " + name)}{where}", instance, Text(resource, "resource") == ResourceText.Memory));
            }
        }

        return found;
    }

    private static bool IsComplete(JsonElement document) => document.GetProperty("complete").GetBoolean();

    // As the exit status has it: nothing that was seen is not nothing.
    private static string Severity(JsonElement document) => Text(document, "verdict") is var verdict && verdict is "critical" or "warning" || IsComplete(document) ? verdict : Untold;

    private string VerdictOf(string verdict) => verdict == "ok" ? book["severity.none"] : verdict == Untold ? book["page.could_not_tell"] : book.Find("severity." + verdict) ?? verdict;

    private static double RatioOf(JsonElement? instance) => instance?.GetProperty("used_ratio").GetDouble() ?? 0;

    private static string Say(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
