using ConnExporter.Kernel.Cgroups;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Diagnosis.Resources;

/// <summary>Who holds some of a resource: a process, all processes of a name, a unit, a destination or a peer.</summary>
/// <param name="Name">The process by its name; else the unit, the destination or the peer.</param>
internal sealed record Holder(string Name)
{
    /// <summary>The systemd unit or container; null where it is not known, or there is none.</summary>
    public string? Unit { get; init; }

    /// <summary>The one process; null where it stands for several, or is not known.</summary>
    public int? ProcessId { get; init; }

    /// <summary>When that process started.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How many it holds.</summary>
    public ulong? Count { get; init; }

    /// <summary>A name that does not change with every restart, for labels: the unit where there is one.</summary>
    public string Label => Unit ?? Name;

    /// <summary>All processes of one name in one unit.</summary>
    public static Holder Of(string process, string unit) => new(process) { Unit = UnitOrNull(unit) };

    /// <summary>One process.</summary>
    /// <param name="owner">The process.</param>
    /// <param name="startedAt">When it started, where that is known.</param>
    public static Holder Of(Owner owner, DateTimeOffset? startedAt) =>
        new(owner.Name) { Unit = UnitOrNull(owner.Unit), ProcessId = owner.Pid, StartedAt = startedAt };

    private static string? UnitOrNull(string unit) => unit is UnitName.None or "" or Labels.Unknown ? null : unit;
}
