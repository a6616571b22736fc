using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling;

/// <summary>What a collector can note beside its reading. One object a collector, used by its thread only.</summary>
internal sealed class CollectContext
{
    private const int WarningsRemembered = 16;
    private static readonly TimeSpan WarnAgainAfter = TimeSpan.FromMinutes(10);
    private readonly Action<string> warn;
    private readonly Action? answered;
    private readonly CollectContext counts;
    private string? lastWarning;
    private Dictionary<string, long>? warned;
    private ulong rejected;
    private readonly Func<Snapshot> newest;
    private readonly Func<TimeSpan, bool> admits;
    private TimeSpan spent;
    private TimeSpan seldom;
    private KernelReadException? missing;
    private bool hasPart;

    /// <summary>The context of a collector.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="warn">Writes to the log.</param>
    /// <param name="answered">Takes note that the kernel has answered.</param>
    /// <param name="newest">What all collectors have read; nothing where it is null.</param>
    /// <param name="admits">Whether so much CPU time still fits into the budget; always where it is null.</param>
    public CollectContext(TimeProvider time, Action<string> warn, Action? answered = null, Func<Snapshot>? newest = null, Func<TimeSpan, bool>? admits = null)
    {
        this.newest = newest ?? (() => Snapshot.Empty);
        this.admits = admits ?? (_ => true);
        Time = time;
        this.warn = warn;
        this.answered = answered;
        counts = this;
    }

    private CollectContext(CollectContext whole, string netns)
    {
        Namespace = netns;
        Time = whole.Time;
        answered = whole.answered;
        newest = whole.newest;
        admits = whole.admits;
        warn = _ => { };
        counts = whole.counts;
    }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>The name of the network namespace that is read; <c>self</c> for the one the process is in.</summary>
    public string Namespace { get; } = KernelSource.OwnNamespace;

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

    /// <summary>The context for one of many network namespaces of the sample: what it counts counts here, what it has to say is said nowhere.</summary>
    /// <param name="netns">The name of the network namespace.</param>
    public CollectContext ForNamespace(string netns) => new(this, netns);

    /// <summary>Reads one part of a reading, whose other parts can do without it. What fails is remembered: then the reading is not whole.</summary>
    /// <param name="read">Reads it; null for what this kernel does not have.</param>
    /// <returns>Null where it could not be read, or is not there.</returns>
    public T? PartOf<T>(Func<T?> read)
        where T : class
    {
        try
        {
            T? part = read();
            hasPart |= part is not null;
            return part;
        }
        catch (KernelReadException e)
        {
            missing ??= e;
            return null;
        }
    }

    /// <summary>As <see cref="PartOf{T}"/>, for values.</summary>
    /// <param name="read">Reads it; null for what this kernel does not have.</param>
    /// <returns>Null where it could not be read, or is not there.</returns>
    public T? Part<T>(Func<T?> read)
        where T : struct
    {
        try
        {
            T? part = read();
            hasPart |= part is not null;
            return part;
        }
        catch (KernelReadException e)
        {
            missing ??= e;
            return null;
        }
    }

    /// <summary>Takes note of a part that could not be read.</summary>
    public void Miss(KernelReadException failure) => missing ??= failure;

    /// <summary>Why the sample has no reading, where each part of it failed.</summary>
    /// <exception cref="KernelReadException">None of the parts could be read, and the first failed so.</exception>
    public void RequirePart()
    {
        if (!hasPart && missing is not null)
        {
            throw missing;
        }
    }

    /// <summary>The first part that could not be read since the last call; null where the reading is whole.</summary>
    public KernelReadException? TakeMissing()
    {
        KernelReadException? first = missing;
        missing = null;
        hasPart = false;
        return first;
    }

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

    /// <summary>The newest reading of another collector, with its times; null where it has none.</summary>
    /// <typeparam name="T">Its kind.</typeparam>
    public (T Reading, CollectorState State)? Newest<T>()
        where T : Reading
    {
        foreach (CollectorState state in newest().Collectors)
        {
            if (state.Reading is T reading)
            {
                return (reading, state);
            }
        }

        return null;
    }

    /// <summary>Whether something that is not done in every sample still fits into the budget.</summary>
    /// <param name="cpu">The CPU time that it is expected to take.</param>
    public bool Admits(TimeSpan cpu) => admits(cpu);

    /// <summary>Says that so much of the sample's CPU time was for what is not done in every sample: it counts as spent, and the next one is not expected to cost it.</summary>
    public void SpendSeldom(TimeSpan cpu) => seldom += cpu;

    /// <summary>That time since the last call.</summary>
    public TimeSpan TakeSeldom()
    {
        TimeSpan taken = seldom;
        seldom = TimeSpan.Zero;
        return taken;
    }

    /// <summary>Says something for the log. The same text is said once as long as it stays, and at most once in ten minutes where it comes and goes.</summary>
    public void Note(string? warning)
    {
        if (warning is not null && warning != lastWarning && !(warned is not null && warned.TryGetValue(warning, out long at) && Time.GetElapsedTime(at) < WarnAgainAfter))
        {
            warned ??= new Dictionary<string, long>(StringComparer.Ordinal);
            if (warned.Count == WarningsRemembered)
            {
                warned.Clear();
            }

            warned[warning] = Time.GetTimestamp();
            warn(warning);
        }

        lastWarning = warning;
    }
}
