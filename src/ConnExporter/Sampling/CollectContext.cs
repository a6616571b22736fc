using System.Collections.Immutable;

namespace ConnExporter.Sampling;

/// <summary>What a collector can note beside its reading. One object a collector, used by its thread only.</summary>
internal sealed class CollectContext
{
    private readonly Action<string> warn;
    private readonly Action? answered;
    private readonly CollectContext counts;
    private string? lastWarning;
    private ulong rejected;
    private TimeSpan spent;

    /// <summary>The context of a collector.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="warn">Writes to the log.</param>
    /// <param name="answered">Takes note that the kernel has answered.</param>
    public CollectContext(TimeProvider time, Action<string> warn, Action? answered = null)
    {
        Time = time;
        this.warn = warn;
        this.answered = answered;
        counts = this;
    }

    private CollectContext(CollectContext whole)
    {
        Time = whole.Time;
        warn = _ => { };
        counts = whole.counts;
    }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>What the newest sample had to say for the log; null where nothing.</summary>
    public string? LastNote => lastWarning;

    /// <summary>Label sets left out so far, by family.</summary>
    public ImmutableSortedDictionary<string, ulong> Dropped { get; private set; } = ImmutableSortedDictionary<string, ulong>.Empty;

    /// <summary>Counts values that were left out of a good reading because they were not what the kernel writes there (reason <c>parse</c>).</summary>
    public void Reject(int count) => counts.rejected += (ulong)count;

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
    public void Drop(string family, int count) => counts.Dropped = counts.Dropped.SetItem(family, counts.Dropped.GetValueOrDefault(family) + (ulong)count);

    /// <summary>The context for one of many parts of the sample: what it counts counts here, what it has to say is said nowhere.</summary>
    public CollectContext ForPart() => new(this);

    /// <summary>Says that the kernel has answered and is asked something else from now on: whoever asks often is not stuck.</summary>
    public void Answered() => answered?.Invoke();

    /// <summary>Adds CPU time that another thread took for this sample.</summary>
    public void Spend(TimeSpan cpu) => spent += cpu;

    /// <summary>That time since the last call.</summary>
    public TimeSpan TakeSpent()
    {
        TimeSpan taken = spent;
        spent = TimeSpan.Zero;
        return taken;
    }

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
