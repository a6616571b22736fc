using Prometheus;

namespace ConnExporter.Metrics;

/// <summary>
/// A histogram that takes no value while the page is made: the library adds up count, sum and buckets one after the other, and a page on which they differ is not
/// OpenMetrics any more.
/// </summary>
internal sealed class GuardedHistogram(MetricRegistry registry, Histogram histogram) : ICollector<IHistogram>
{
    public string Name => histogram.Name;

    public string Help => histogram.Help;

    public string[] LabelNames => histogram.LabelNames;

    public IHistogram Unlabelled => new Child(registry, histogram.WithLabels());

    public IHistogram WithLabels(params string[] labelValues) => new Child(registry, histogram.WithLabels(labelValues));

    public IHistogram WithLabels(ReadOnlyMemory<string> labelValues) => new Child(registry, histogram.WithLabels(labelValues));

    public IHistogram WithLabels(ReadOnlySpan<string> labelValues) => new Child(registry, histogram.WithLabels(labelValues));

    /// <summary>One label set of it.</summary>
    internal sealed class Child(MetricRegistry registry, Histogram.Child histogram) : IHistogram
    {
        public double Sum => histogram.Sum;

        public long Count => histogram.Count;

        public void Observe(double val) => Observe(val, 1);

        public void Observe(double val, long count)
        {
            lock (registry.Gate)
            {
                histogram.Observe(val, count);
            }
        }

        public void Observe(double val, Exemplar? exemplar)
        {
            lock (registry.Gate)
            {
                histogram.Observe(val, exemplar);
            }
        }
    }
}
