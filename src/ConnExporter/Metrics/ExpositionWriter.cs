namespace ConnExporter.Metrics;

/// <summary>
/// Writes one page after the other: a page begins with <see cref="Clear"/>, each series is put on it by Write, and <see cref="End"/> takes off what this
/// one has not. The registry then holds the snapshot and nothing else of it.
/// </summary>
/// <remarks>Not for several threads. A page that was broken off is put right by the next one.</remarks>
internal sealed class ExpositionWriter
{
    private readonly MetricRegistry registry;
    private readonly Dictionary<MetricFamily, FollowedFamily> families = [];
    private int page = 1;

    /// <summary>Writes to a registry, which may have more in it.</summary>
    public ExpositionWriter(MetricRegistry registry) => this.registry = registry;

    /// <summary>Writes to a registry of its own.</summary>
    public ExpositionWriter()
        : this(new MetricRegistry())
    {
    }

    /// <summary>How often a series was written that the page had already, where only the later value stays: a defect in a collector, for tests to see.</summary>
    public int Repeats { get; private set; }

    /// <summary>Starts a new page.</summary>
    public void Clear()
    {
        page++;
        Repeats = 0;
        foreach (FollowedFamily family in families.Values)
        {
            family.Begin();
        }
    }

    /// <summary>Writes one series.</summary>
    /// <param name="family">The family.</param>
    /// <param name="value">Any value; of a counter none below 0.</param>
    /// <param name="labelValues">One value for each label of the family.</param>
    /// <exception cref="InvalidOperationException">A wrong number of labels: a defect in a collector.</exception>
    public void Write(MetricFamily family, double value, params ReadOnlySpan<string> labelValues)
    {
        if (labelValues.Length != family.Labels.Count)
        {
            throw new InvalidOperationException($"{family.Name} has {family.Labels.Count} labels, not {labelValues.Length}");
        }

        if (!families.TryGetValue(family, out FollowedFamily? followed))
        {
            followed = new FollowedFamily(registry.Factory, family);
            families.Add(family, followed);
        }

        if (!followed.Set(value, labelValues, page))
        {
            Repeats++;
        }
    }

    /// <summary>Writes one series with a whole number, exact up to 2^53.</summary>
    public void Write(MetricFamily family, ulong value, params ReadOnlySpan<string> labelValues) => Write(family, (double)value, labelValues);

    /// <summary>Writes one series where there is a value, and nothing where there is none.</summary>
    public void Write(MetricFamily family, ulong? value, params ReadOnlySpan<string> labelValues)
    {
        if (value is { } known)
        {
            Write(family, (double)known, labelValues);
        }
    }

    /// <summary>Ends the page.</summary>
    public void End()
    {
        foreach (FollowedFamily family in families.Values)
        {
            family.RemoveGone(page);
        }
    }

    /// <summary>The page once it is ended, with whatever else the registry has. The bytes hold until the next call.</summary>
    public ReadOnlySpan<byte> ToText(ExpositionFormat format) => registry.ToText(format);
}
