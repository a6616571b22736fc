using ConnExporter.Kernel.Probes;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis;

/// <summary>How many of the ephemeral ports are gone for one destination. What is not told by a record is a range (docs/verdicts.md).</summary>
/// <param name="Taken">At least: its own, those closed to everybody, and those that the kernel refused.</param>
/// <param name="Likely">With what is inferred besides; null where nothing tells.</param>
/// <param name="Possible">At most: with every port in use that bind() may have taken, and all TIME_WAIT of which nothing shows that it can be taken over.</param>
internal readonly record struct PortUse(double Taken, double? Likely, double Possible)
{
    /// <summary>The use by one destination.</summary>
    public static PortUse Of(Observation seen, CensusReading census, CensusReading.DestinationRow row, PortsReading ports)
    {
        double usable = ports.UsableCount;
        double counted = row.Taken((int)census.Blocked, ports.UsableCount);

        // Of an estimate only the least is proven.
        double taken = Math.Max(0, counted - row.Error);
        if (row.Room == PortAnswer.None)
        {
            return new PortUse(usable, usable, usable);
        }

        // A connect() that looks at a range of an odd number of ports leaves one of its ends out (docs/kernel-facts.md §3).
        double passedOver = row.MayPassOver ? 1 : 0;
        double open = row.Room == PortAnswer.Found ? 1 : 0;
        double possible = Math.Clamp(counted + row.Error + row.UnprovenTimeWait + row.MayBeBound + passedOver, taken, Math.Max(taken, usable - open));
        double unproven = IsTakenOver(seen, census, row) ? 0 : row.UnprovenTimeWait;
        double? likely = row.MayBeBound == 0 ? counted + unproven : row.LikelyBound is { } bound ? counted + unproven + bound : null;
        return new PortUse(taken, likely is { } value ? Math.Min(value, possible) : null, possible);
    }

    // The kernel counts what connect() takes over without saying whose: where only one destination has any that could be, it is that one.
    private static bool IsTakenOver(Observation seen, CensusReading census, CensusReading.DestinationRow row) =>
        row.UnprovenTimeWait > 0
        && seen.Memory.RiseOf("TWRecycled", seen.Thresholds.DropWindow) is { Count: > 0 }
        && seen.Destinations.All(other => ReferenceEquals(other, row) || (other.UnprovenTimeWait == 0 && other.ReusableTimeWait == 0));
}
