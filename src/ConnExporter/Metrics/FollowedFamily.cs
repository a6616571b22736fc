using Prometheus;

namespace ConnExporter.Metrics;

/// <summary>One family of gauges or counters in the registry, whose series are made, changed and removed as the readings have them.</summary>
internal sealed class FollowedFamily
{
    private readonly Gauge? gauge;
    private readonly Counter? counter;
    private readonly Dictionary<string[], Series> series = new(LabelValues.Comparer);
    private readonly Dictionary<string[], Series>.AlternateLookup<ReadOnlySpan<string>> byValues;

    // In the order of the page before and of this one, which are nearly always the same: the next series is found where it was, without hashing its labels.
    private List<Series> before = [];
    private List<Series> now = [];
    private int next;

    public FollowedFamily(MetricFactory factory, MetricFamily family)
    {
        byValues = series.GetAlternateLookup<ReadOnlySpan<string>>();
        string[] labels = [.. family.Labels];

        // What has no value yet is no series: the library would show it as 0.
        if (family.Type == MetricType.Counter)
        {
            counter = factory.CreateCounter(family.Name, family.EscapedHelp, labels, new CounterConfiguration { SuppressInitialValue = true });
        }
        else
        {
            gauge = factory.CreateGauge(family.Name, family.EscapedHelp, labels, new GaugeConfiguration { SuppressInitialValue = true });
        }
    }

    /// <summary>A new page: no series is on it yet.</summary>
    public void Begin()
    {
        (before, now) = (now, before);
        now.Clear();
        next = 0;
    }

    /// <summary>Puts one series on the page. Of two with the same labels the later one stays.</summary>
    /// <returns>False where it was on this page already.</returns>
    public bool Set(double value, ReadOnlySpan<string> labelValues, int page)
    {
        Series one = Find(labelValues);
        bool isNew = one.Page != page;
        if (isNew)
        {
            one.Page = page;
            one.Position = now.Count;
            now.Add(one);
        }

        one.Set(value);
        return isNew;
    }

    /// <summary>Removes what the page has not.</summary>
    public void RemoveGone(int page)
    {
        if (now.Count == series.Count)
        {
            return;
        }

        foreach (Series one in series.Values)
        {
            if (one.Page != page)
            {
                one.Remove();
                series.Remove(one.Values);
            }
        }
    }

    private Series Find(ReadOnlySpan<string> labelValues)
    {
        if (next < before.Count && LabelValues.Comparer.Equals(labelValues, before[next].Values))
        {
            return before[next++];
        }

        if (byValues.TryGetValue(labelValues, out Series? known))
        {
            next = known.Position + 1;
            return known;
        }

        string[] values = labelValues.ToArray();
        Series made = counter is null ? new GaugeSeries(values, gauge!) : new CounterSeries(values, counter);
        series.Add(values, made);
        return made;
    }

    private abstract class Series(string[] values)
    {
        private long shown;
        private bool isShown;

        public string[] Values { get; } = values;

        /// <summary>The newest page that has it.</summary>
        public int Page { get; set; }

        /// <summary>Where on that page.</summary>
        public int Position { get; set; }

        public void Set(double value)
        {
            // Most stay as they are from page to page.
            long bits = BitConverter.DoubleToInt64Bits(value);
            if (!isShown || bits != shown)
            {
                Show(value);
                shown = bits;
                isShown = true;
            }
        }

        public abstract void Remove();

        protected abstract void Show(double value);
    }

    private sealed class GaugeSeries(string[] values, Gauge family) : Series(values)
    {
        private readonly Gauge.Child gauge = family.WithLabels(values);

        public override void Remove() => gauge.Remove();

        protected override void Show(double value) => gauge.Set(value);
    }

    private sealed class CounterSeries(string[] values, Counter family) : Series(values)
    {
        private Counter.Child counter = family.WithLabels(values);

        public override void Remove() => counter.Remove();

        // The library's counters never fall: where the kernel's has started over another takes its place.
        protected override void Show(double value)
        {
            if (counter.Value > value)
            {
                counter.Remove();
                counter = family.WithLabels(Values);
            }

            counter.IncTo(value);
        }
    }
}
