namespace ConnExporter.Metrics;

/// <summary>
/// Writes one page. The formats want the series of a family in one place, while several readings may write to it (one for each network
/// namespace): each family has its section, and <see cref="End"/> puts them together in the order in which they were begun.
/// </summary>
/// <remarks>
/// <see href="https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md">text 0.0.4</see> and
/// <see href="https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md">OpenMetrics 1.0</see>.
/// </remarks>
internal sealed class ExpositionWriter
{
    private readonly Dictionary<MetricFamily, PageSection> sections = [];
    private readonly List<(MetricFamily Family, PageSection Section)> begun = [];
    private readonly PageSection page = new();
    private readonly ExpositionFormat format;

    public ExpositionWriter(ExpositionFormat format) => this.format = format;

    /// <summary>The page, once it is ended; the bytes hold until the next <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Page => page.Bytes;

    /// <summary>Series so far.</summary>
    public int SeriesCount { get; private set; }

    /// <summary>Starts a new page.</summary>
    public void Clear()
    {
        begun.ForEach(begun => begun.Section.IsBegun = false);
        begun.Clear();
        page.Clear();
        SeriesCount = 0;
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

    /// <summary>Writes one series with a whole number, exact over the full range.</summary>
    public void Write(MetricFamily family, ulong value, params ReadOnlySpan<string> labelValues)
    {
        PageSection section = BeginSeries(family, labelValues);
        section.AppendNumber(value);
        section.Append("\n"u8);
    }

    /// <summary>Writes one series where there is a value, and nothing where there is none.</summary>
    public void Write(MetricFamily family, ulong? value, params ReadOnlySpan<string> labelValues)
    {
        if (value is { } known)
        {
            Write(family, known, labelValues);
        }
    }

    /// <summary>Ends the page.</summary>
    public void End()
    {
        foreach ((MetricFamily family, PageSection section) in begun)
        {
            page.Append(format == ExpositionFormat.OpenMetrics ? family.OpenMetricsHeader : family.TextHeader);
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

        PageSection section = SectionOf(family);
        section.AppendSeries(family, labelValues);
        SeriesCount++;
        return section;
    }

    private PageSection SectionOf(MetricFamily family)
    {
        if (!sections.TryGetValue(family, out PageSection? section))
        {
            section = new PageSection();
            sections.Add(family, section);
        }

        if (!section.IsBegun)
        {
            section.Clear();
            section.IsBegun = true;
            begun.Add((family, section));
        }

        return section;
    }
}
