using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>A metrics page, read strictly: whatever either format does not allow is an error.</summary>
internal sealed partial class Page
{
    /// <summary>Families that are there only while there is something to tell, and may come and go between two pages.</summary>
    public static readonly string[] OfTheMoment =
    [
        "conn_tcp_close_wait_oldest_seconds", "conn_resource_exhaustion_seconds", "conn_finding_info", "conn_ephemeral_destination_sightings", "conn_ephemeral_port_found",
        "conn_udp_destination_sockets", "conn_udp_unit_sockets", "conn_udp_process_port_sockets", "conn_udp_receive_queue_bytes", "conn_udp_receive_queue_limit_bytes", "conn_udp_socket_drops_total",
        "conn_unix_listener_queue", "conn_unix_listener_queue_limit", "conn_unix_listener_queue_peak", "conn_unix_listener_full_seconds_total", "conn_unix_listener_info",
        "conn_unix_receiver_unread_seconds", "conn_unix_receiver_full", "conn_port_lookup_most_elsewhere_ports", "conn_port_lookup_destination_ports", "conn_port_lookup_destination_error_ports",
    ];

    private const string EndOfOpenMetrics = "# EOF";
    private readonly Dictionary<string, double> values = [];

    private Page(bool openMetrics) => OpenMetrics = openMetrics;

    public bool OpenMetrics { get; }

    /// <summary>Type by family, under the name that the page has for it.</summary>
    public Dictionary<string, string> Families { get; } = [];

    /// <summary>Every series with its value. The key is the name and the labels, these in alphabetical order.</summary>
    public IReadOnlyDictionary<string, double> Series => values;

    /// <summary>Series names, without their labels.</summary>
    public IEnumerable<string> Names => values.Keys.Select(key => key.Split('{')[0]).Distinct();

    /// <summary>The enabled collectors.</summary>
    public IEnumerable<string> Collectors => LabelsOf("conn_collector_interval_seconds", "collector");

    /// <summary>The value of a series.</summary>
    /// <exception cref="KeyNotFoundException">There is no such series.</exception>
    public double this[string name, params (string Name, string Value)[] labels] =>
        Find(name, labels) ?? throw new KeyNotFoundException($"no {Key(name, labels)} on the page");

    public static Page Parse(string text)
    {
        text.ShouldEndWith("\n");
        string[] lines = text[..^1].Split('\n');
        var page = new Page(lines[^1] == EndOfOpenMetrics);
        string? family = null;
        string? help = null;
        foreach (string line in page.OpenMetrics ? lines[..^1] : lines)
        {
            if (HelpLine().Match(line) is { Success: true } helpLine)
            {
                help = helpLine.Groups["name"].Value;
            }
            else if (TypeLine().Match(line) is { Success: true } typeLine)
            {
                family = typeLine.Groups["name"].Value;
                family.ShouldBe(help, "the help goes before the type, and both before the first series");
                page.Families.TryAdd(family, typeLine.Groups["type"].Value).ShouldBeTrue($"{family} is in two places");
            }
            else
            {
                page.Add(line, family);
            }
        }

        return page;
    }

    /// <summary>The value of a series; null where there is none.</summary>
    public double? Find(string name, params (string Name, string Value)[] labels) => values.TryGetValue(Key(name, labels), out double value) ? value : null;

    /// <summary>The outcome that holds for a collector; null before its first sample has ended.</summary>
    public string? Outcome(string collector) =>
        LabelsOf("conn_collector_outcome", "outcome").SingleOrDefault(outcome => this["conn_collector_outcome", ("collector", collector), ("outcome", outcome)] == 1);

    /// <summary>The name and labels as <see cref="Series"/> has them.</summary>
    public static string Key(string name, IEnumerable<(string Name, string Value)> labels) =>
        $"{name}{{{string.Join(',', labels.OrderBy(label => label.Name, StringComparer.Ordinal).Select(label => $"{label.Name}={label.Value}"))}}}";

    private IEnumerable<string> LabelsOf(string name, string label) =>
        values.Keys.Where(key => key.StartsWith(name + "{", StringComparison.Ordinal))
            .SelectMany(key => key[(name.Length + 1)..^1].Split(','))
            .Where(pair => pair.StartsWith(label + "=", StringComparison.Ordinal))
            .Select(pair => pair[(label.Length + 1)..])
            .Distinct();

    private void Add(string line, string? family)
    {
        Match match = SeriesLine().Match(line);
        match.Success.ShouldBeTrue($"not a line of this format: {line}");
        string name = match.Groups["name"].Value;
        family.ShouldNotBeNull(line);
        (Families[family] == "histogram" ? (string[])[family + "_bucket", family + "_count", family + "_sum"] : [OpenMetrics && Families[family] == "counter" ? family + "_total" : family]).ShouldContain(name, line);
        (string, string)[] labels = [.. match.Groups["label"].Captures.Zip(match.Groups["text"].Captures, (label, text) => (label.Value, Unescape(text.Value)))];
        values.TryAdd(Key(name, labels), double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture)).ShouldBeTrue($"twice on the page: {line}");
    }

    private static string Unescape(string text)
    {
        var plain = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            plain.Append(text[i] != '\\' ? text[i] : text[++i] == 'n' ? '\n' : text[i]);
        }

        return plain.ToString();
    }

    [GeneratedRegex(@"^# HELP (?<name>[a-z_]+) \S.*$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HelpLine();

    [GeneratedRegex("^# TYPE (?<name>[a-z_]+) (?<type>gauge|counter|histogram)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TypeLine();

    [GeneratedRegex(
        @"^(?<name>[a-z_]+)(\{(?<label>[a-z_]+)=""(?<text>([^""\\]|\\[\\""n])*)""(,(?<label>[a-z_]+)=""(?<text>([^""\\]|\\[\\""n])*)"")*\})? (?<value>[0-9.eE+-]+)$",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex SeriesLine();
}
