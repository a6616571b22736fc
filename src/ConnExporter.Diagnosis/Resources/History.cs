namespace ConnExporter.Diagnosis.Resources;

/// <summary>A value over time, in bounded memory: the highest of each slot of time, oldest out first.</summary>
internal sealed class History
{
    private const int FirstCapacity = 4;
    private readonly TimeSpan slot;
    private readonly int longest;
    private HistoryPoint[] points = [];
    private int first;
    private long newestSlot = long.MinValue;

    /// <summary>An empty history.</summary>
    /// <param name="slot">How close two points may be.</param>
    /// <param name="length">How far it reaches back.</param>
    public History(TimeSpan slot, TimeSpan length)
    {
        this.slot = slot;
        longest = (int)(length / slot);
    }

    /// <summary>Points so far.</summary>
    public int Count { get; private set; }

    /// <summary>A point, 0 being the oldest.</summary>
    public HistoryPoint this[int index] => points[(first + index) % points.Length];

    /// <summary>The newest point.</summary>
    public HistoryPoint Newest => this[Count - 1];

    /// <summary>Adds a value; times do not go back.</summary>
    /// <returns>Whether it is a point of its own; else it went into the newest.</returns>
    public bool Add(TimeSpan at, double value)
    {
        long number = at.Ticks / slot.Ticks;
        if (number == newestSlot)
        {
            ref HistoryPoint newest = ref points[(first + Count - 1) % points.Length];
            newest = new HistoryPoint(at, Math.Max(newest.Value, value));
            return false;
        }

        newestSlot = number;
        if (Count == points.Length && Count < longest)
        {
            // Most of what is followed once is never seen again. Until it is full nothing has gone round.
            Array.Resize(ref points, Math.Min(longest, Math.Max(FirstCapacity, Count * 2)));
        }

        if (Count == points.Length)
        {
            first = (first + 1) % points.Length;
            Count--;
        }

        points[(first + Count++) % points.Length] = new HistoryPoint(at, value);
        return true;
    }

    /// <summary>The highest value since a time; null where there is none.</summary>
    public double? HighestSince(TimeSpan from)
    {
        double? highest = null;
        for (int i = Count - 1; i >= 0 && this[i].At >= from; i--)
        {
            highest = highest is { } known ? Math.Max(known, this[i].Value) : this[i].Value;
        }

        return highest;
    }

    /// <summary>The points since a time, oldest first.</summary>
    public HistoryPoint[] Since(TimeSpan from)
    {
        int begin = Count;
        while (begin > 0 && this[begin - 1].At >= from)
        {
            begin--;
        }

        var taken = new HistoryPoint[Count - begin];
        for (int i = begin; i < Count; i++)
        {
            taken[i - begin] = this[i];
        }

        return taken;
    }
}

/// <summary>A value at a time.</summary>
/// <param name="At">Monotonic time.</param>
/// <param name="Value">The value.</param>
internal readonly record struct HistoryPoint(TimeSpan At, double Value);
