using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Incidents;
using ConnExporter.Kernel;
using ConnExporter.Web;

namespace ConnExporter.Sampling;

/// <summary>Everything known at one moment. Never changed: a new one takes its place whole.</summary>
/// <param name="Collectors">The enabled collectors, in the order of the list.</param>
/// <param name="Configuration">How the last reload of the configuration ended.</param>
internal sealed record Snapshot(ImmutableArray<CollectorState> Collectors, ConfigurationState Configuration)
{
    /// <summary>The share of one core that sampling may take; null before it began.</summary>
    public double? CpuBudget { get; init; }

    /// <summary>How the web server stands.</summary>
    public WebState Web { get; init; } = WebState.None;

    /// <summary>What the diagnosis made of a snapshot a moment ago; null before it looked.</summary>
    public DiagnosisReport? Report { get; init; }

    /// <summary>How the flight recorder stands; null where there is none, as in a single look.</summary>
    public RecorderState? Recorder { get; init; }

    /// <summary>Lines of the log that were lost so far because nobody read them.</summary>
    public ulong DroppedLogLines { get; init; }

    /// <summary>Whether there is all there will be: a sample of every collector, and a diagnosis.</summary>
    public bool IsReady => IsComplete && Report is not null;

    /// <summary>Whether every collector has an outcome, if only that it is stuck. Without a collector there is nothing to be ready with.</summary>
    public bool IsComplete => Collectors.Length > 0 && Collectors.All(state => state.Outcome is not null);

    /// <summary>The snapshot before the first sample.</summary>
    public static Snapshot Empty(TimeProvider time) => new([], new ConfigurationState(LastReloadOk: true, time.GetUtcNow()));

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

/// <summary>Whether the configuration in force is the one that was read last.</summary>
/// <param name="LastReloadOk">False while the newest file could not be used and the older one is in force.</param>
/// <param name="LoadedAt">When the one in force was read.</param>
internal sealed record ConfigurationState(bool LastReloadOk, DateTimeOffset LoadedAt);

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
