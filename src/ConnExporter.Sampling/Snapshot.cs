using System.Collections.Immutable;
using ConnExporter.Kernel;

namespace ConnExporter.Sampling;

/// <summary>What the collectors have read, at one moment. Never changed: a new one takes its place whole.</summary>
/// <param name="Collectors">The enabled collectors, in the order of the list.</param>
internal sealed record Snapshot(ImmutableArray<CollectorState> Collectors)
{
    /// <summary>The share of one core that sampling may take; null before it began.</summary>
    public double? CpuBudget { get; init; }

    /// <summary>Whether every collector has an outcome, if only that it is stuck. Without a collector there is nothing to be ready with.</summary>
    public bool IsComplete => Collectors.Length > 0 && Collectors.All(state => state.Outcome is not null);

    /// <summary>The snapshot before the first sample.</summary>
    public static Snapshot Empty { get; } = new([]);

    /// <summary>The place of a collector in <see cref="Collectors"/>; -1 where it is not enabled.</summary>
    public int IndexOf(string collector)
    {
        for (int i = 0; i < Collectors.Length; i++)
        {
            if (Collectors[i].Name == collector)
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>One collector as a snapshot shows it.</summary>
internal sealed record CollectorState
{
    /// <summary>The collector's name.</summary>
    public required string Name { get; init; }

    /// <summary>The interval in force.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>How it stands; null before its first sample has ended.</summary>
    public Outcome? Outcome { get; init; }

    /// <summary>The newest reading, until it is older than <see cref="Sampler.KeptIntervals"/> intervals. Where a part of it could not be read the outcome tells.</summary>
    public Reading? Reading { get; init; }

    /// <summary>When the newest reading was taken, or a part of one; kept when the reading itself has become too old to show.</summary>
    public DateTimeOffset? LastSuccess { get; init; }

    /// <summary>That time on the monotonic clock, by which its age is judged.</summary>
    public long LastSuccessTimestamp { get; init; }

    /// <summary>How long the newest sample took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>CPU time that all its samples took.</summary>
    public TimeSpan CpuTime { get; init; }

    /// <summary>Why the newest sample gave no reading, or not the whole of it; null where it did.</summary>
    public string? Failure { get; init; }

    /// <summary>What a good sample could not see, and what would show it; null where it saw everything.</summary>
    public string? Note { get; init; }

    /// <summary>Failed samples by reason, in the order of <see cref="KernelReadException.Reasons"/>.</summary>
    public ImmutableArray<ulong> Errors { get; init; } = ImmutableArray.Create(new ulong[KernelReadException.Reasons.Length]);

    /// <summary>Label sets that the bounds of this collector left out so far, by family.</summary>
    public ImmutableSortedDictionary<string, ulong> Dropped { get; init; } = ImmutableSortedDictionary<string, ulong>.Empty;
}

/// <summary>How a collector stands.</summary>
internal enum Outcome
{
    /// <summary>Its newest sample is a reading.</summary>
    Ok,

    /// <summary>What it reads is not on this kernel.</summary>
    Absent,

    /// <summary>The kernel refused; a capability is missing.</summary>
    Denied,

    /// <summary>The kernel answered with something that cannot be read.</summary>
    Broken,

    /// <summary>It has been waiting for the kernel for longer than <see cref="Sampler.StuckAfter"/>.</summary>
    Stuck,
}
