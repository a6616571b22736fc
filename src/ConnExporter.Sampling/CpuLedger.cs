namespace ConnExporter.Sampling;

/// <summary>CPU time spent in the last five minutes, in fixed memory: slots of five seconds.</summary>
internal sealed class CpuLedger
{
    private static readonly TimeSpan SlotLength = TimeSpan.FromSeconds(5);

    private static readonly int Slots = (int)(CpuBudget.Window / SlotLength) + 1;

    /// <summary>The time that it looks back over. The slot in progress and the one that the window begins in count whole: rather too much than too little.</summary>
    public static readonly TimeSpan Reach = Slots * SlotLength;

    private readonly TimeSpan[] spent = new TimeSpan[Slots];
    private long newest;

    /// <summary>Adds CPU time that was spent just now.</summary>
    /// <param name="now">Monotonic time since any fixed moment.</param>
    /// <param name="cpu">The time.</param>
    public void Add(TimeSpan now, TimeSpan cpu)
    {
        MoveTo(now);
        spent[newest % Slots] += cpu;
    }

    /// <summary>What was spent within <see cref="Reach"/>.</summary>
    /// <param name="now">Monotonic time since any fixed moment.</param>
    public TimeSpan Spent(TimeSpan now)
    {
        MoveTo(now);
        return spent.Aggregate(TimeSpan.Zero, (sum, slot) => sum + slot);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => Array.Clear(spent);

    private void MoveTo(TimeSpan now)
    {
        long slot = now.Ticks / SlotLength.Ticks;
        for (long empty = Math.Max(newest + 1, slot - Slots + 1); empty <= slot; empty++)
        {
            spent[empty % Slots] = TimeSpan.Zero;
        }

        newest = Math.Max(newest, slot);
    }
}
