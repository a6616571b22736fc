using ConnExporter.Kernel.Cgroups;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Which units commands may name: those of the host's own system manager, and no name that is merely alike.</summary>
internal static class HostUnits
{
    // A drop-in's directory is named like the unit with ".d" after it, and no name of a file is longer than 255 bytes.
    private const int LongestName = 253;

    /// <summary>The service that <c>systemctl</c> knows by this name.</summary>
    /// <param name="seen">Where it was seen.</param>
    /// <param name="unit">The name as <see cref="UnitName"/> has it; null or <c>none</c> where there is no unit.</param>
    /// <returns>Null for units of a user's manager, in a container or below a delegated cgroup, for cgroups that are no unit, and where it cannot be told.</returns>
    public static string? ServiceOf(Observation seen, string? unit) =>
        unit is { Length: <= LongestName } && unit.EndsWith(".service", StringComparison.Ordinal) && UnitName.IsOfHost(unit) && seen.Host.SeesHostCgroups ? unit : null;

    /// <summary>What a unit is for which there can be no such command; nothing where there can be one, or where there is no unit.</summary>
    public static IEnumerable<Fact> WhatElse(Observation seen, string? unit)
    {
        if (unit is null or "" or Labels.None or Labels.Unknown or Labels.Other || ServiceOf(seen, unit) is not null)
        {
            yield break;
        }

        int first = unit.IndexOf('/', StringComparison.Ordinal);
        int last = unit.LastIndexOf('/');
        if (Container.IsOfPod(unit))
        {
            yield return new Fact("cgroup_is_no_unit", ("unit", new OutsideName(unit)));
        }
        else if (first > 0 && unit.StartsWith("user@", StringComparison.Ordinal) && UnitName.IsOfHost(unit[..first]))
        {
            yield return new Fact("unit_of_user_manager", ("unit", new OutsideName(UnitName.Readable(unit[(last + 1)..]))), ("manager", new OutsideName(unit[..first])));
        }
        else if (unit.StartsWith("../", StringComparison.Ordinal) || (first < 0 && UnitName.IsOfHost(unit) && !seen.Host.SeesHostCgroups))
        {
            yield return new Fact("unit_beyond_cgroup_namespace", ("unit", new OutsideName(UnitName.Readable(unit[(last + 1)..]))));
        }
        else if (first >= 0)
        {
            yield return new Fact("unit_of_inner_manager", ("unit", new OutsideName(UnitName.Readable(unit[(last + 1)..]))), ("outer", new OutsideName(UnitName.Readable(unit[..last]))));
        }
        else if (!UnitName.IsOfHost(unit))
        {
            yield return new Fact("cgroup_is_no_unit", ("unit", new OutsideName(UnitName.Readable(unit))));
        }
    }
}
