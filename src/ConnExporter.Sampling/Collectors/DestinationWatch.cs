using System.Collections.Immutable;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// Who connects to the destination that runs short of ports. Sockets in TIME_WAIT do not tell who made them: the next ones are caught while they live. Costly,
/// so only where ports run short. For one thread.
/// </summary>
/// <param name="kernel">The kernel; its network namespace is watched.</param>
/// <param name="cgroups">The cgroups of the host.</param>
/// <param name="holders">Who holds a socket that stays open; null where that is not known.</param>
internal sealed class DestinationWatch(KernelSource kernel, CgroupTree cgroups, Func<Sighting, Owner?> holders) : IDisposable
{
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Cost = TimeSpan.FromMilliseconds(100);
    private readonly TimeWaitOwners owners = new(kernel, cgroups);
    private Destination? watched;
    private long watchedAt;
    private ImmutableArray<CensusReading.SightingRow> sightings = [];

    /// <summary>Watches where it is due.</summary>
    /// <param name="context">The sample.</param>
    /// <param name="destination">The destination that holds the most ports.</param>
    /// <returns>Who was seen to connect to it now or before.</returns>
    public ImmutableArray<CensusReading.SightingRow> Look(CollectContext context, Destination destination)
    {
        // As long as a process is missing the next walk looks again.
        bool known = sightings.Length > 0 && sightings.All(sighting => sighting.Process != Labels.Unknown);
        if (watched != destination || !known || context.Time.GetElapsedTime(watchedAt) >= AgainAfter)
        {
            watched = destination;
            watchedAt = context.Time.GetTimestamp();
            sightings =
            [
                .. owners.Watch(destination.Address, destination.Port, Cost)

                    // Those that stay open are known to the walks.
                    .Select(sighting => sighting.Owner is null ? sighting with { Owner = holders(sighting) } : sighting)
                    .GroupBy(sighting => (Unit: sighting.Unit ?? UnitName.None, Process: sighting.Owner?.Name ?? Labels.Unknown))
                    .Select(group => new CensusReading.SightingRow(destination.Address.ToString(), destination.Port.ToString(), group.Key.Unit, group.Key.Process, (ulong)group.Count(), group.First().Owner)),
            ];
        }

        return sightings;
    }

    /// <summary>Forgets what was seen: no destination is short of ports.</summary>
    public void Clear()
    {
        watched = null;
        sightings = [];
    }

    public void Dispose() => owners.Dispose();
}
