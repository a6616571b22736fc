using System.Globalization;
using System.Text.Json;
using ConnExporter.Texts;
using static ConnExporter.Terminal.ReportFields;

namespace ConnExporter.Terminal;

/// <summary>How a diagnosis begins: whose it is, the verdict, what goes first, the sockets by state.</summary>
internal sealed class VerdictText(TextBook book, Sheet sheet)
{
    private const int Unbounded = int.MaxValue;

    /// <summary>Writes it.</summary>
    /// <param name="document">The document.</param>
    /// <param name="findings">Its findings.</param>
    /// <param name="at">Its time.</param>
    /// <param name="most">Lines that each part may take.</param>
    public void Write(JsonElement document, JsonElement[] findings, DateTimeOffset at, int most = Unbounded)
    {
        TerminalStyle style = sheet.Style;
        string verdict = Text(document, "verdict");
        string begin = $"conn-exporter {Text(document, "exporter")} · {Text(document, "host")} · {at.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)}";
        sheet.Line(style.Faint(begin));
        int bad = findings.Count(finding => Text(finding, "severity") != "info");
        bool isComplete = document.GetProperty("complete").GetBoolean();
        JsonElement resources = document.GetProperty("resources");
        string? full = bad == 0 ? SayFull(resources) : null;
        sheet.Paragraph(
            "",
            bad > 0 ? book["cli.verdict." + verdict, ("title", Text(findings[0], "title"))] + (bad > 1 ? $" ({book["cli.verdict.others", ("others", bad - 1)]})" : "") : full ?? (isComplete ? book["cli.verdict.ok", ("what", LookedAt(document))] : book["cli.verdict.could_not_tell"]),
            line => style.Severity(bad > 0 ? verdict : isComplete && full is null ? "ok" : "warning", line),
            most);
        WriteFirstToGo(resources, most);
        WriteSockets(document, most);
    }

    /// <summary>What kinds of sockets were looked at: nothing is said to have been that was switched off.</summary>
    /// <param name="document">The document.</param>
    public static string LookedAt(JsonElement document)
    {
        HashSet<string?> unseen = [.. document.GetProperty("not_seen").EnumerateArray().Select(one => Text(one, "what"))];
        return string.Join(" · ", new[] { ("states", "TCP"), ("udp", "UDP"), ("unix", "Unix") }.Where(kind => !unseen.Contains(kind.Item1)).Select(kind => kind.Item2));
    }

    // A bar that is not green, and nothing the matter: the sentence above it is not "nothing".
    private string? SayFull(JsonElement resources) => resources.EnumerateArray().Where(resource => resource.GetProperty("used_ratio").GetDouble() >= ResourceText.NearlyFull)
        .OrderByDescending(resource => resource.GetProperty("used_ratio").GetDouble())
        .Select(resource => book["cli.verdict.full", ("title", Text(resource, "title")), ("share", new Diagnosis.Share(resource.GetProperty("used_ratio").GetDouble())), ("instance", Text(WorstOf(resource), "instance"))])
        .FirstOrDefault();

    private void WriteFirstToGo(JsonElement resources, int most)
    {
        var growing = resources.EnumerateArray()
            .SelectMany(resource => resource.GetProperty("instances").EnumerateArray().Select(instance => (Title: Text(resource, "title"), Instance: Text(instance, "instance"), Left: ResourceText.LeftOf(instance))))
            .Where(one => one.Left is not null)
            .ToList();
        if (growing.Count > 0)
        {
            (string title, string instance, TimeSpan? left) = growing.MinBy(one => one.Left);
            sheet.Paragraph("", book["cli.verdict.first_to_go", ("title", title), ("instance", instance), ("left", left!.Value)], most: most);
        }
    }

    // Where they must fit into a line the fewest are left out.
    private void WriteSockets(JsonElement document, int most)
    {
        if (!document.TryGetProperty("sockets", out JsonElement sockets))
        {
            return;
        }

        (string Name, ulong Count)[] states = [.. sockets.EnumerateObject().Select(state => (state.Name.ToUpperInvariant(), state.Value.GetUInt64())).Where(state => state.Item2 > 0)];
        if (most == Unbounded || states.Length == 0)
        {
            sheet.Paragraph("", states.Length > 0 ? book["cli.verdict.sockets", ("states", string.Join(" · ", states.Select(Say)))] : book["verdict.no_sockets"], sheet.Style.Faint);
            return;
        }

        sheet.OneLine("", book["cli.verdict.sockets", ("states", string.Join(" · ", states.OrderByDescending(state => state.Count).Select(Say)))], sheet.Style.Faint);
    }

    private static string Say((string Name, ulong Count) state) => $"{state.Name} {TextBook.Format(state.Count)}";
}
