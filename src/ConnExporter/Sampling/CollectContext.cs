using System.Collections.Immutable;

namespace ConnExporter.Sampling;

/// <summary>What a collector can note beside its reading. One object a collector, used by its thread only.</summary>
internal sealed class CollectContext
{
    private readonly Action<string> warn;
    private string? lastWarning;
    private ulong rejected;

    public CollectContext(TimeProvider time, Action<string> warn)
    {
        Time = time;
        this.warn = warn;
    }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Label sets left out so far, by family.</summary>
    public ImmutableSortedDictionary<string, ulong> Dropped { get; private set; } = ImmutableSortedDictionary<string, ulong>.Empty;

    /// <summary>Counts values that were left out of a good reading because they were not what the kernel writes there (reason <c>parse</c>).</summary>
    public void Reject(int count) => rejected += (ulong)count;

    /// <summary>The rejected values since the last call.</summary>
    public ulong TakeRejected()
    {
        ulong count = rejected;
        rejected = 0;
        return count;
    }

    /// <summary>Counts label sets that a bound left out of the reading; 0 makes the bound known.</summary>
    /// <param name="family">The family that the bound belongs to.</param>
    /// <param name="count">How many were left out this time.</param>
    public void Drop(string family, int count) => Dropped = Dropped.SetItem(family, Dropped.GetValueOrDefault(family) + (ulong)count);

    /// <summary>Says something for the log; the same text is said once until another, or null, comes.</summary>
    public void Note(string? warning)
    {
        if (warning != lastWarning && warning is not null)
        {
            warn(warning);
        }

        lastWarning = warning;
    }
}
