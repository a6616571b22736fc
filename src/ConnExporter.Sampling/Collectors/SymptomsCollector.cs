using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Bpf;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// The symptoms themselves, counted by programs in the kernel while they happen (docs/security.md says what these read): connects that failed, who closes first,
/// which handshakes were completed. Of the whole host, whatever network namespace.
/// </summary>
internal sealed class SymptomsCollector : Collector
{
    // Trying costs the reading of the kernel's types; what refused once mostly refuses again.
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMinutes(5);

    private readonly Func<SymptomCounters>? open;
    private readonly CgroupTree cgroups;
    private readonly SymptomTotals totals;
    private SymptomCounters? counters;
    private KernelReadException? refusal;
    private long refusedAt;

    public SymptomsCollector(KernelSource kernel)
    {
        open = kernel.OpenSymptoms;
        cgroups = new CgroupTree(kernel.Proc, kernel.SysRoot, kernel.Pods);
        totals = new SymptomTotals(UnitOf);
    }

    public override Reading Collect(CollectContext context)
    {
        SymptomCounters loaded = counters ??= Open(context.Time);
        loaded.Read();
        cgroups.BeginRound();
        ReadOnlySpan<SymptomKey> keys = loaded.Keys;
        for (int i = 0; i < keys.Length; i++)
        {
            totals.Take(keys[i], loaded.Values[i], context.Time);
        }

        foreach (SymptomKind kind in Enum.GetValues<SymptomKind>())
        {
            totals.TakeLost(kind, loaded.LostOf(kind));
        }

        // Three quarters: what comes until the next sample still finds room.
        if (keys.Length > loaded.Bound / 4 * 3)
        {
            foreach (SymptomKey key in totals.FindIdle(keys, context.Time))
            {
                loaded.Forget(key);
                totals.Forget(key);
            }
        }

        foreach ((string family, int count) in totals.TakeLeftOut())
        {
            context.Drop(family, count);
        }

        context.Note(loaded.Hooks.Any(hook => hook.Failure is not null)
            ? $"not counted on this kernel: {string.Join("; ", loaded.Hooks.Where(hook => hook.Failure is not null).Select(hook => $"{hook.Name} ({hook.Failure!.Message})"))}"
            : null);
        return totals.ToReading(loaded.Hooks);
    }

    public override void Close()
    {
        counters?.Dispose();
        cgroups.Dispose();
    }

    private SymptomCounters Open(TimeProvider time)
    {
        if (refusal is not null && time.GetElapsedTime(refusedAt) < TryAgainAfter)
        {
            throw refusal;
        }

        try
        {
            SymptomCounters opened = open?.Invoke() ?? throw new KernelReadException(FailureKind.Absent, "absent", "no program is loaded into this kernel: it is a recorded one");
            refusal = null;
            totals.Own = opened.Own;
            return opened;
        }
        catch (KernelReadException e)
        {
            refusal = e;
            refusedAt = time.GetTimestamp();
            throw;
        }
    }

    // None where cgroups do not tell; null where this one was not found, as it is gone or the tree could not be walked just now.
    private string? UnitOf(ulong cgroup) => CgroupTree.Tells(cgroup) ? cgroups.Find(cgroup)?.Unit : UnitName.None;
}

/// <summary>What the programs have counted so far.</summary>
internal sealed class SymptomsReading : Reading
{
    /// <summary>Process, unit and reason.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Connects { get; init; }

    /// <summary>Port and reason.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> ConnectPorts { get; init; }

    /// <summary>Process, unit and port.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Closes { get; init; }

    /// <summary>Unit and port.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Accepted { get; init; }

    /// <summary>Process, unit and reason of accept().</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Accepts { get; init; }

    /// <summary>Process and unit.</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Descriptors { get; init; }

    /// <summary>Process, unit and port of bind().</summary>
    public required ImmutableArray<(SymptomLabels Labels, ulong Count)> Binds { get; init; }

    /// <summary>Where in the kernel is counted, and where not.</summary>
    public required ImmutableArray<SymptomHook> Hooks { get; init; }

    /// <summary>Updates that found no room.</summary>
    public required ulong Lost { get; init; }
}
