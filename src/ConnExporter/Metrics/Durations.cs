using ConnExporter.Sampling;
using Prometheus;

namespace ConnExporter.Metrics;

/// <summary>How long answers and samples took, counted where they end. On the page beside what the snapshot says.</summary>
internal sealed class Durations
{
    // Three bounds: every one is a series, of each collector. No whole numbers: each would be two series, 1 in text
    // 0.0.4 and 1.0 in OpenMetrics.
    private static readonly MetricFamily RequestFamily = MetricFamily.Histogram(
        "conn_exporter_request_duration_seconds", "How long answers took, by status.", [0.001, 0.01, 0.1], "code");

    private static readonly MetricFamily SampleFamily = MetricFamily.Histogram(
        "conn_collector_sample_duration_seconds", "How long samples took, also those that failed.", [0.001, 0.03, 0.5], "collector");

    private readonly MetricRegistry registry;
    private readonly Histogram samples;

    public Durations(MetricRegistry registry)
    {
        this.registry = registry;
        Requests = new GuardedHistogram(registry, Make(RequestFamily));
        samples = Make(SampleFamily);
    }

    /// <summary>Answers in seconds, by their status code and nothing that a client chooses.</summary>
    public GuardedHistogram Requests { get; }

    /// <summary>Samples, as the sampler tells of them.</summary>
    public SampleDurations OfSamples => new(Of, Forget);

    /// <summary>Samples of one collector in seconds; one that was forgotten takes values and shows none.</summary>
    public IObserver Samples(string collector) => new GuardedHistogram.Child(registry, samples.WithLabels(collector));

    /// <summary>A collector is no more: its series go.</summary>
    public void Forget(string collector) => samples.RemoveLabelled(collector);

    private Action<TimeSpan> Of(string collector)
    {
        IObserver child = Samples(collector);
        return took => child.Observe(took.TotalSeconds);
    }

    private Histogram Make(MetricFamily family) => registry.Factory.CreateHistogram(
        family.Name, family.EscapedHelp, [.. family.Labels], new HistogramConfiguration { Buckets = [.. family.Buckets], SuppressInitialValue = true });
}
