using Prometheus;

namespace ConnExporter.Metrics;

/// <summary>What is on the metrics page, as objects of prometheus-net, and how they become text.</summary>
/// <remarks>
/// A registry of our own. The library's default one brings the process, meters and event counters along, and two threads; nothing here asks for it.
/// </remarks>
#pragma warning disable CA1001 // A stream in memory has nothing to give back.
internal sealed class MetricRegistry
#pragma warning restore CA1001
{
    private readonly CollectorRegistry registry = new();
    private readonly MemoryStream text = new();

    public MetricRegistry()
    {
        Factory = Prometheus.Metrics.WithCustomRegistry(registry);
        Factory.ExemplarBehavior = ExemplarBehavior.NoExemplars();
    }

    /// <summary>Makes families in this registry. A family once made stays declared.</summary>
    public MetricFactory Factory { get; }

    /// <summary>Held while the registry becomes text, and by whoever observes a histogram or removes its series, on whatever thread.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Everything in the registry, in UTF-8. For one thread at a time; the bytes hold until the next call.</summary>
    public ReadOnlySpan<byte> ToText(ExpositionFormat format)
    {
        lock (Gate)
        {
            text.SetLength(0);
            Task written = registry.CollectAndExportAsTextAsync(text, format == ExpositionFormat.OpenMetrics ? Prometheus.ExpositionFormat.OpenMetricsText : Prometheus.ExpositionFormat.PrometheusText);

            // It has ended already: memory is written without waiting.
            written.GetAwaiter().GetResult();
            return text.GetBuffer().AsSpan(0, (int)text.Length);
        }
    }
}
