namespace ConnExporter.Sampling;

/// <summary>The highest value of the last 60 s, in fixed memory: twelve slots of five seconds.</summary>
internal sealed class PeakWindow
{
    private const int Slots = 12;
    private const int SlotSeconds = 5;
    private readonly uint[] highest = new uint[Slots];
    private long newest = -1;

    /// <summary>Adds a value.</summary>
    /// <param name="elapsed">Monotonic time since any fixed moment.</param>
    /// <param name="value">The value.</param>
    public void Add(TimeSpan elapsed, uint value)
    {
        long slot = elapsed.Ticks / (SlotSeconds * TimeSpan.TicksPerSecond);
        long from = Math.Max(newest + 1, slot - Slots + 1);
        for (long empty = from; empty <= slot; empty++)
        {
            highest[empty % Slots] = 0;
        }

        newest = Math.Max(newest, slot);
        ref uint place = ref highest[slot % Slots];
        place = Math.Max(place, value);
    }

    /// <summary>The highest value added in the 55 to 60 s before the newest one.</summary>
    public uint Peak => highest.Max();
}
