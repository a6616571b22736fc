using ConnExporter.Resources;

namespace ConnExporter.Diagnosis;

/// <summary>
/// What one look cannot tell: how much counters rose over the last minutes, and how gauges went over the last half hour. One object a network
/// namespace; bounded, because what is not fed any more is forgotten.
/// </summary>
internal sealed class Memory
{
    private static readonly TimeSpan CounterSlot = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CounterLength = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan GaugeSlot = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan GaugeLength = TimeSpan.FromMinutes(61);
    private readonly Dictionary<string, Counter> counters = [];
    private readonly Dictionary<string, History> gauges = [];
    private TimeSpan now;

    /// <summary>Starts a look.</summary>
    public void Begin(TimeSpan at)
    {
        now = at;
        Forget(counters, counter => counter.Rises.Count == 0 ? counter.LastAt : counter.Rises.Newest.At, CounterLength);
        Forget(gauges, gauge => gauge.Newest.At, GaugeLength);
    }

    /// <summary>Feeds the newest value of a counter.</summary>
    /// <param name="name">Its name, unique within the namespace.</param>
    /// <param name="value">The value; null, where it was not read, changes nothing.</param>
    public void Count(string name, ulong? value)
    {
        if (value is not { } known)
        {
            return;
        }

        if (!counters.TryGetValue(name, out Counter? counter))
        {
            counters.Add(name, new Counter { Last = known, FirstAt = now, LastAt = now });
            return;
        }

        // A counter that went back was reset; what it has counted since counts.
        counter.Total += known >= counter.Last ? known - counter.Last : known;
        counter.Last = known;
        counter.LastAt = now;
        counter.Rises.Add(now, counter.Total);
    }

    /// <summary>Feeds the newest value of a gauge.</summary>
    public void Gauge(string name, double? value)
    {
        if (value is { } known)
        {
            if (!gauges.TryGetValue(name, out History? gauge))
            {
                gauges.Add(name, gauge = new History(GaugeSlot, GaugeLength));
            }

            gauge.Add(now, known);
        }
    }

    /// <summary>How much a counter rose.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="window">Over how long; where it is known for less, over that.</param>
    /// <returns>Null where it was not read, or only once.</returns>
    public Rise? RiseOf(string name, TimeSpan window)
    {
        if (!counters.TryGetValue(name, out Counter? counter) || counter.Rises.Count == 0)
        {
            return null;
        }

        double before = 0;
        TimeSpan from = counter.FirstAt;
        for (int i = counter.Rises.Count - 1; i >= 0; i--)
        {
            if (counter.Rises[i].At <= now - window)
            {
                before = counter.Rises[i].Value;
                from = counter.Rises[i].At;
                break;
            }
        }

        return new Rise(counter.Total - before, now - from);
    }

    /// <summary>The last hour of a gauge; empty where it was not read.</summary>
    public HistoryPoint[] HistoryOf(string name, TimeSpan window) => gauges.TryGetValue(name, out History? gauge) ? gauge.Since(now - window) : [];

    private void Forget<T>(Dictionary<string, T> all, Func<T, TimeSpan> last, TimeSpan length)
    {
        foreach ((string name, T value) in all)
        {
            if (now - last(value) > length)
            {
                all.Remove(name);
            }
        }
    }

    private sealed class Counter
    {
        public History Rises { get; } = new(CounterSlot, CounterLength);

        public ulong Last { get; set; }

        public double Total { get; set; }

        public TimeSpan FirstAt { get; init; }

        public TimeSpan LastAt { get; set; }
    }
}

/// <summary>The rise of a counter.</summary>
/// <param name="Count">By how much.</param>
/// <param name="Over">In what time.</param>
internal readonly record struct Rise(double Count, TimeSpan Over)
{
    /// <summary>How much a second.</summary>
    public double PerSecond => Over > TimeSpan.Zero ? Count / Over.TotalSeconds : 0;
}
