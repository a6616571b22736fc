namespace ConnExporter.Metrics;

/// <summary>What a family of series measures.</summary>
internal enum MetricType
{
    /// <summary>A value that goes up and down.</summary>
    Gauge,

    /// <summary>A count that only rises, but for a reset of its source.</summary>
    Counter,

    /// <summary>Values counted by size, with their number and sum.</summary>
    Histogram,
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
        EscapedHelp = Escape(help);
    }

    public MetricType Type { get; }

    public string Name { get; }

    public string Help { get; }

    public IReadOnlyList<string> Labels { get; }

    /// <summary>Upper bounds of a histogram, rising and without the infinite one; of everything else none.</summary>
    public IReadOnlyList<double> Buckets { get; private init; } = [];

    /// <summary>The help text as both formats want it; the library writes what it is given.</summary>
    internal string EscapedHelp { get; }

    /// <summary>A family of gauges.</summary>
    public static MetricFamily Gauge(string name, string help, params string[] labels) => new(MetricType.Gauge, name, help, labels);

    /// <summary>A family of counters; the name ends in <c>_total</c>.</summary>
    public static MetricFamily Counter(string name, string help, params string[] labels) => name.EndsWith(CounterSuffix, StringComparison.Ordinal)
        ? new(MetricType.Counter, name, help, labels)
        : throw new ArgumentException($"a counter's name ends in {CounterSuffix}: {name}", nameof(name));

    /// <summary>A family of histograms: bounds, count and sum are its series.</summary>
    public static MetricFamily Histogram(string name, string help, double[] buckets, params string[] labels) => new(MetricType.Histogram, name, help, labels) { Buckets = buckets };

    // OpenMetrics wants a quote escaped, text 0.0.4 wants it as it is, and the library has one text for both.
    private static string Escape(string help) => help.Contains('"', StringComparison.Ordinal)
        ? throw new ArgumentException($"a help text has no double quotes: {help}", nameof(help))
        : help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
