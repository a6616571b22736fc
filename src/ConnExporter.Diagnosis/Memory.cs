using ConnExporter.Diagnosis.Resources;

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

    // Nothing counts faster on any host: what would have to is no wrap.
    private const double MostPerSecond = 20_000_000;
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
    /// <param name="isNarrow">Whether the kernel counts it in 32 bits, or it is a sum of such counts: then it starts over after 4,294,967,295.</param>
    public void Count(string name, ulong? value, bool isNarrow = false)
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

        counter.Total += known >= counter.Last ? known - counter.Last : SinceItWentBack(known, counter.Last, now - counter.LastAt, isNarrow);
        counter.Last = known;
        counter.LastAt = now;
        counter.Rises.Add(now, counter.Total);
    }

    /// <summary>Feeds the newest value of a counter that begins with its first event: what it has when it is seen first has risen since.</summary>
    /// <param name="name">Its name, unique within the namespace.</param>
    /// <param name="value">The value.</param>
    public void CountFromFirst(string name, ulong value)
    {
        if (!counters.ContainsKey(name))
        {
            Count(name, 0);
        }

        Count(name, value);
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

    // A narrow counter that went back by nearly 2^32 has wrapped, in a sum of several each by itself. Any other was reset, with its module or its namespace:
    // what it has counted since counts.
    private static ulong SinceItWentBack(ulong value, ulong last, TimeSpan over, bool isNarrow)
    {
        ulong wrapped = unchecked((uint)(value - last));
        return isNarrow && wrapped <= MostPerSecond * Math.Max(1, over.TotalSeconds) ? wrapped : value;
    }

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
    // One event between two looks is no rate, however near they are.
    private const double FewestEvents = 5;
    private static readonly TimeSpan ShortestTime = TimeSpan.FromSeconds(10);

    /// <summary>How much a second, over no less than ten seconds: what was seen for less is spread over them. 0 for fewer than five events. The one rate that thresholds are compared with.</summary>
    public double PerSecond => Count < FewestEvents ? 0 : Count / Math.Max(Over.TotalSeconds, ShortestTime.TotalSeconds);

    /// <summary>Warning for any event, critical where they come faster than <see cref="Thresholds.CriticalDropRate"/>.</summary>
    public Severity SeverityFor(Thresholds thresholds) => PerSecond > thresholds.CriticalDropRate ? Severity.Critical : Severity.Warning;
}
