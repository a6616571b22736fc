using System.Globalization;
using System.Text;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Texts;

namespace ConnExporter.Terminal;

/// <summary>A diagnosis for people: verdict, resources as bars, findings with evidence, holders and remedies. Made from the JSON document, so that both say the same.</summary>
internal sealed class DiagnosisText
{
    private const int BarWidth = 16;
    private const double WarningBar = 0.8;
    private const double CriticalBar = 0.95;

    // Beyond a day growth is no news.
    private static readonly TimeSpan MostForecast = TimeSpan.FromDays(1);
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);
    private static readonly string[] ConntrackKinds = ["sources", "destinations", "protocols", "states"];
    private const string Missing = "–";
    private readonly TextBook book;
    private readonly TerminalStyle style;
    private readonly StringBuilder text = new();

    private DiagnosisText(TextBook book, TerminalStyle style)
    {
        this.book = book;
        this.style = style;
    }

    /// <summary>Renders a document of <see cref="ReportJson"/>.</summary>
    /// <param name="document">The document.</param>
    /// <param name="book">The language.</param>
    /// <param name="style">Where it is read.</param>
    /// <exception cref="FormatException">It is no such document; likewise <see cref="KeyNotFoundException"/> and <see cref="InvalidOperationException"/>.</exception>
    public static string Render(JsonElement document, TextBook book, TerminalStyle style)
    {
        var renderer = new DiagnosisText(book, style);
        renderer.Write(document);
        return renderer.text.ToString();
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
        return renderer.text.ToString();
    }

    private void Write(JsonElement document)
    {
        DateTimeOffset at = document.GetProperty("at").GetDateTimeOffset();
        JsonElement[] findings = [.. document.GetProperty("findings").EnumerateArray()];
        string verdict = Text(document, "verdict");
        Line(style.Faint($"conn-exporter {Text(document, "exporter")} · {Text(document, "host")} · {at.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)}"));
        int bad = findings.Count(finding => Text(finding, "severity") != "info");
        bool isComplete = document.GetProperty("complete").GetBoolean();
        JsonElement resources = document.GetProperty("resources");
        string? full = bad == 0 ? SayFull(resources) : null;
        Paragraph(
            "",
            bad > 0 ? book["cli.verdict." + verdict, ("title", Text(findings[0], "title")!)] + (bad > 1 ? $" ({book["cli.verdict.others", ("others", bad - 1)]})" : "") : full ?? (isComplete ? book["cli.verdict.ok", ("what", LookedAt(document))] : book["cli.verdict.could_not_tell"]),
            line => style.Severity(bad > 0 ? verdict : isComplete && full is null ? "ok" : "warning", line));
        WriteFirstToGo(resources);
        WriteSockets(document);
        Line();
        WriteResources(resources);
        for (int i = 0; i < findings.Length; i++)
        {
            Line();
            WriteFinding(i + 1, findings[i], at);
        }

        WriteConntrack(document);
        WriteSettings(document, findings);
        WriteNotSeen(document.GetProperty("not_seen"));
    }

    // Nothing is said to have been looked at that was switched off.
    private static string LookedAt(JsonElement document)
    {
        HashSet<string?> unseen = [.. document.GetProperty("not_seen").EnumerateArray().Select(one => Text(one, "what"))];
        return string.Join(" · ", new[] { ("states", "TCP"), ("udp", "UDP"), ("unix", "Unix") }.Where(kind => !unseen.Contains(kind.Item1)).Select(kind => kind.Item2));
    }

    // A bar that is not green, and nothing the matter: the sentence above it is not "nothing".
    private string? SayFull(JsonElement resources) => resources.EnumerateArray().Where(resource => resource.GetProperty("used_ratio").GetDouble() >= WarningBar)
        .OrderByDescending(resource => resource.GetProperty("used_ratio").GetDouble())
        .Select(resource => book["cli.verdict.full", ("title", Text(resource, "title")), ("share", new Share(resource.GetProperty("used_ratio").GetDouble())), ("instance", Text(WorstOf(resource), "instance"))])
        .FirstOrDefault();

    private static JsonElement WorstOf(JsonElement resource) =>
        resource.GetProperty("instances").EnumerateArray() is var instances && instances.MoveNext() ? instances.Current : throw new FormatException("a resource without an instance");

    private void WriteFirstToGo(JsonElement resources)
    {
        var growing = resources.EnumerateArray()
            .SelectMany(resource => resource.GetProperty("instances").EnumerateArray().Select(instance => (Title: Text(resource, "title"), Instance: Text(instance, "instance"), Left: Seconds(instance, "exhaustion_seconds"))))
            .Where(one => one.Left < MostForecast)
            .ToList();
        if (growing.Count > 0)
        {
            (string title, string instance, TimeSpan? left) = growing.MinBy(one => one.Left);
            Paragraph("", book["cli.verdict.first_to_go", ("title", title), ("instance", instance), ("left", left!.Value)]);
        }
    }

    private void WriteSockets(JsonElement document)
    {
        if (document.TryGetProperty("sockets", out JsonElement sockets))
        {
            string states = string.Join(" · ", sockets.EnumerateObject().Where(state => state.Value.GetUInt64() > 0).Select(state => $"{state.Name.ToUpperInvariant()} {TextBook.Format(state.Value.GetUInt64())}"));
            Paragraph("", style.Faint(states.Length > 0 ? book["cli.verdict.sockets", ("states", states)] : book["verdict.no_sockets"]));
        }
    }

    // One line a kind: its worst instance, the fullest first; namespaces besides our own where they have something to tell.
    private void WriteResources(JsonElement resources)
    {
        Line(style.Strong(TextLayout.Pad(book["cli.resource"], 27)) + TextLayout.Pad("", BarWidth + 1)
            + style.Faint($"{TextLayout.PadLeft(book["cli.used"], 6)} {TextLayout.PadLeft(book["cli.of"], 16)} {TextLayout.PadLeft(book["cli.left"], 11)}"));
        foreach (JsonElement resource in resources.EnumerateArray().OrderByDescending(resource => resource.GetProperty("used_ratio").GetDouble()))
        {
            bool own = Text(resource, "netns") == KernelSource.OwnNamespace;
            double ratio = resource.GetProperty("used_ratio").GetDouble();
            if (!own && ratio < 0.5)
            {
                continue;
            }

            JsonElement worst = WorstOf(resource);
            bool isMemory = Text(resource, "resource") == "tcp_memory";
            string severity = ratio >= CriticalBar ? "critical" : ratio >= WarningBar ? "warning" : "ok";
            string left = Seconds(resource, "exhaustion_seconds") is { } seconds ? TextBook.FormatTime(seconds) : Missing;
            Line($"{TextLayout.Pad(TextLayout.Cut(Text(resource, "title"), 26), 27)}{style.Severity(severity, style.Bar(ratio, BarWidth))} "
                + $"{TextLayout.PadLeft(TextBook.FormatShare(ratio), 6)} {TextLayout.PadLeft($"{Amount(worst, "used", isMemory)}{(worst.TryGetProperty("possible", out _) ? $"–{Amount(worst, "possible", isMemory)}" : "")}/{Amount(worst, "limit", isMemory)}", 16)} {TextLayout.PadLeft(left, 11)}");
            string instance = Text(worst, "instance");
            string holder = worst.GetProperty("holder") is { ValueKind: JsonValueKind.Object } known ? Visible.Name(Optional(known, "unit") ?? Text(known, "name")) : "";
            bool isOnly = instance == ResourceInstance.Host;
            string where = own ? "" : $"netns {Visible.Name(Text(resource, "netns"))}{(isOnly ? "" : ": ")}";
            instance = isOnly ? "" : instance;
            if (!isOnly || !own)
            {
                Line(style.Faint("  " + Prose(TextLayout.Cut(where + instance + (holder.Length > 0 && !instance.Contains(holder, StringComparison.Ordinal) ? $" ({holder})" : ""), style.Width - 2))));
            }
        }
    }

    private void WriteFinding(int number, JsonElement finding, DateTimeOffset at)
    {
        string severity = Text(finding, "severity");
        DateTimeOffset since = finding.GetProperty("since").GetDateTimeOffset();
        string netns = Text(finding, "netns") == KernelSource.OwnNamespace ? "" : $" [netns {Visible.Name(Text(finding, "netns"))}]";
        Paragraph($"{number}. ", $"{book["severity." + severity].ToUpperInvariant()} {Text(finding, "title")}{netns}", line => style.Severity(severity, line));
        if (at - since >= Fresh)
        {
            Paragraph("   ", book["cli.since", ("time", since.ToString("HH:mm:ss", CultureInfo.InvariantCulture)), ("ago", at - since)]);
        }

        if (finding.TryGetProperty("last_seen", out JsonElement lastSeen))
        {
            DateTimeOffset seen = lastSeen.GetDateTimeOffset();
            Paragraph("   ", book["findings.gone", ("time", seen.ToString("HH:mm:ss", CultureInfo.InvariantCulture)), ("ago", at > seen ? at - seen : TimeSpan.Zero)]);
        }

        if (finding.TryGetProperty("reported", out JsonElement reported))
        {
            DateTimeOffset told = reported.GetProperty("since").GetDateTimeOffset();
            Paragraph("   ", book["cli.reported_since", ("address", Text(reported, "by")), ("time", told.ToString("HH:mm:ss", CultureInfo.InvariantCulture)), ("ago", at - told)]);
        }

        if (Optional(finding, "caused_by") is { } cause)
        {
            Paragraph("   ", book["cli.caused_by", ("finding", cause)]);
        }

        foreach (JsonElement fact in finding.GetProperty("evidence").EnumerateArray())
        {
            Paragraph("   - ", Text(fact, "text"));
        }

        foreach (JsonElement holder in finding.GetProperty("holders").EnumerateArray())
        {
            Paragraph("   ", book["cli.held_by", ("holder", Describe(holder, since, at))]);
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
        string kind = Text(remedy, "kind");
        string tag = kind == "grace" ? book["cli.now"] : kind;
        string buys = Seconds(remedy, "buys_seconds") is { } time ? " " + book["cli.buys", ("time", time)] : "";
        Paragraph($"   {TextLayout.Pad(tag, 4)} ", Text(remedy, "title") + buys, style.Strong);
        string[] commands = [.. remedy.GetProperty("commands").EnumerateArray().Select(command => Visible.Of(command.GetString() ?? throw new FormatException("a command that is null")))];
        if (!commands.All(style.Carries))
        {
            // They belong together.
            Paragraph("        ", book["remedies.withheld_by_locale"], style.Faint);
            commands = [];
        }

        foreach (string command in commands)
        {
            // To be copied: never broken.
            Line($"        $ {command}");
        }

        Paragraph("        ", $"{Text(remedy, "effect")} {book["cli.risk", ("risk", Text(remedy, "risk"))]}", style.Faint);
    }

    private string Describe(JsonElement holder, DateTimeOffset since, DateTimeOffset at)
    {
        string name = Text(holder, "name");
        var parts = new List<string>();
        if (holder.TryGetProperty("pid", out JsonElement pid))
        {
            parts.Add($"pid {pid.GetInt32()}");
        }

        if (holder.TryGetProperty("started_at", out JsonElement started))
        {
            // What a single look sees begins with it.
            if (at - since < Fresh)
            {
                parts.Add(book["cli.started_ago", ("time", at - started.GetDateTimeOffset())]);
                return Join(holder, name, parts);
            }

            // A process that is younger than the trouble was restarted in vain; one that is a little older may have brought it.
            TimeSpan before = since - started.GetDateTimeOffset();
            parts.Add(before < TimeSpan.Zero ? book["cli.started_after", ("time", -before)] : book["cli.started_before", ("time", before)]);
        }

        return Join(holder, name, parts);
    }

    private string Join(JsonElement holder, string name, List<string> parts)
    {
        string unit = Optional(holder, "unit") is { } known && known != name ? $"{Visible.Name(UnitName.Readable(known))}: " : "";
        string count = holder.TryGetProperty("count", out JsonElement held) ? $", {book["cli.holds", ("count", held.GetUInt64())]}" : "";
        return unit + Visible.Name(name) + (parts.Count > 0 ? $" ({string.Join(", ", parts)})" : "") + count;
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

    private void WriteNotSeen(JsonElement notSeen)
    {
        if (notSeen.GetArrayLength() == 0)
        {
            return;
        }

        Line();
        Line(style.Strong(book["cli.not_seen"]));
        foreach (JsonElement what in notSeen.EnumerateArray())
        {
            Paragraph("   - ", $"{Text(what, "what")}: {Text(what, "why")}");
        }
    }

    private void Paragraph(string begin, string content, Func<string, string>? look = null)
    {
        string indent = new(' ', TextLayout.WidthOf(begin));
        foreach ((int index, string line) in TextLayout.Wrap(content, style.Width - indent.Length).Index())
        {
            string prose = Prose(line);
            Line((index == 0 ? begin : indent) + (look?.Invoke(prose) ?? prose));
        }
    }

    // What begins like a command is one of ours: a name may begin so, and a document of another version may have it as it is.
    private static string Prose(string line) => line.TrimStart() is ['$', .. string rest] ? @"\x24" + rest : line;

    private void Line(string line = "") => text.Append(line).Append('\n');

    // Names come from others: what commands a terminal is shown, not done.
    private static string? Optional(JsonElement element, string name) => element.GetProperty(name).GetString() is { } text ? Visible.Of(text) : null;

    private static string Text(JsonElement element, string name) => Optional(element, name) ?? throw new FormatException($"{name} is null");

    private static TimeSpan? Seconds(JsonElement element, string name) => element.GetProperty(name) is not { ValueKind: JsonValueKind.Number } number ? null
        : number.GetDouble() is var seconds && Math.Abs(seconds) < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds)
        : throw new FormatException($"{name} is longer than any time");

    private static string Amount(JsonElement instance, string name, bool isMemory)
    {
        double amount = instance.GetProperty(name).GetDouble();

        // Limits such as fs.file-max can be as good as none.
        return amount >= 1e12 ? "∞" : TextBook.Format(isMemory ? new Bytes(amount) : (object)(ulong)amount);
    }
}
