using System.Text;

namespace ConnExporter.Metrics;

/// <summary>What a family of series measures.</summary>
internal enum MetricType
{
    /// <summary>A value that goes up and down.</summary>
    Gauge,

    /// <summary>A count that only rises, but for a reset of its source.</summary>
    Counter,
}

/// <summary>One family of series: name, help and label names. Declared once, beside the collector that writes it.</summary>
internal sealed class MetricFamily
{
    private const string CounterSuffix = "_total";

    private MetricFamily(MetricType type, string name, string help, string[] labels)
    {
        Type = type;
        Name = name;
        Help = help;
        Labels = labels;
        NameBytes = Encoding.UTF8.GetBytes(name);
        LabelBytes = [.. labels.Select(Encoding.UTF8.GetBytes)];
        string typeName = type == MetricType.Counter ? "counter" : "gauge";
        TextHeader = Encoding.UTF8.GetBytes($"# HELP {name} {Escape(help)}\n# TYPE {name} {typeName}\n");

        // OpenMetrics names a counter without its suffix and wants quotes escaped in help texts as well.
        string family = type == MetricType.Counter ? name[..^CounterSuffix.Length] : name;
        OpenMetricsHeader = Encoding.UTF8.GetBytes($"# HELP {family} {Escape(help).Replace("\"", "\\\"", StringComparison.Ordinal)}\n# TYPE {family} {typeName}\n");
    }

    public MetricType Type { get; }

    public string Name { get; }

    public string Help { get; }

    public IReadOnlyList<string> Labels { get; }

    internal byte[] NameBytes { get; }

    internal byte[][] LabelBytes { get; }

    internal byte[] TextHeader { get; }

    internal byte[] OpenMetricsHeader { get; }

    /// <summary>A family of gauges.</summary>
    public static MetricFamily Gauge(string name, string help, params string[] labels) => new(MetricType.Gauge, name, help, labels);

    /// <summary>A family of counters; the name ends in <c>_total</c>.</summary>
    public static MetricFamily Counter(string name, string help, params string[] labels) => name.EndsWith(CounterSuffix, StringComparison.Ordinal)
        ? new(MetricType.Counter, name, help, labels)
        : throw new ArgumentException($"a counter's name ends in {CounterSuffix}: {name}", nameof(name));

    private static string Escape(string help) => help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
