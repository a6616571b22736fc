using System.Text;
using ConnExporter.Metrics;

namespace ConnExporter.Benchmarks.Replaced;

/// <summary>
/// The writer whose place prometheus-net has taken, to be measured beside it. Each family has its section of a page, and <see cref="End"/> puts them together in
/// the order in which they were begun.
/// </summary>
/// <remarks>
/// <see href="https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md">text 0.0.4</see> and
/// <see href="https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md">OpenMetrics 1.0</see>.
/// </remarks>
internal sealed class OwnWriter
{
    private readonly Dictionary<MetricFamily, (Names Names, PageSection Section)> sections = [];
    private readonly List<(Names Names, PageSection Section)> begun = [];
    private readonly PageSection page = new();
    private readonly ExpositionFormat format;

    public OwnWriter(ExpositionFormat format) => this.format = format;

    /// <summary>The page, once it is ended; the bytes hold until the next <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Page => page.Bytes;

    /// <summary>Starts a new page.</summary>
    public void Clear()
    {
        begun.ForEach(begun => begun.Section.IsBegun = false);
        begun.Clear();
        page.Clear();
    }

    /// <summary>Writes one series.</summary>
    /// <param name="family">The family.</param>
    /// <param name="value">Any value; integers are written exactly up to 2^53.</param>
    /// <param name="labelValues">One value for each label of the family.</param>
    /// <exception cref="InvalidOperationException">A wrong number of labels: a defect in a collector.</exception>
    public void Write(MetricFamily family, double value, params ReadOnlySpan<string> labelValues)
    {
        PageSection section = BeginSeries(family, labelValues);
        section.AppendNumber(value);
        section.Append("\n"u8);
    }

    /// <summary>Ends the page.</summary>
    public void End()
    {
        foreach ((Names names, PageSection section) in begun)
        {
            page.Append(names.Header);
            page.Append(section.Bytes);
        }

        if (format == ExpositionFormat.OpenMetrics)
        {
            page.Append("# EOF\n"u8);
        }
    }

    private PageSection BeginSeries(MetricFamily family, ReadOnlySpan<string> labelValues)
    {
        if (labelValues.Length != family.Labels.Count)
        {
            throw new InvalidOperationException($"{family.Name} has {family.Labels.Count} labels, not {labelValues.Length}");
        }

        if (!sections.TryGetValue(family, out (Names Names, PageSection Section) known))
        {
            known = (new Names(family, format), new PageSection());
            sections.Add(family, known);
        }

        if (!known.Section.IsBegun)
        {
            known.Section.Clear();
            known.Section.IsBegun = true;
            begun.Add(known);
        }

        known.Section.AppendSeries(known.Names, labelValues);
        return known.Section;
    }

    /// <summary>What of a family stands on the page as it is.</summary>
    internal sealed class Names
    {
        private const string CounterSuffix = "_total";

        public Names(MetricFamily family, ExpositionFormat format)
        {
            Name = Encoding.UTF8.GetBytes(family.Name);
            Labels = [.. family.Labels.Select(Encoding.UTF8.GetBytes)];
            string declared = format == ExpositionFormat.OpenMetrics && family.Type == MetricType.Counter ? family.Name[..^CounterSuffix.Length] : family.Name;
            Header = Encoding.UTF8.GetBytes($"# HELP {declared} {family.EscapedHelp}\n# TYPE {declared} {family.Type.ToString().ToLowerInvariant()}\n");
        }

        public byte[] Name { get; }

        public byte[][] Labels { get; }

        public byte[] Header { get; }
    }
}
