using System.Collections.Immutable;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Who connects to the destination that runs short of ports, where that shows between two censuses. For one thread.</summary>
/// <param name="kernel">The kernel.</param>
internal sealed class PortHolders(KernelSource kernel) : IDisposable
{
    private readonly CgroupTree cgroups = new(kernel.Proc, kernel.SysRoot, kernel.Pods);
    private readonly Wanted wanted = new();
    private DestinationWatch? watch;
    private SocketOwners? owners;

    /// <summary>Looks for them where it is due.</summary>
    /// <param name="context">The sample.</param>
    /// <param name="census">The last census: whom it knows is not looked for again.</param>
    /// <param name="rows">The destinations that were looked up, the fullest first.</param>
    /// <param name="from">Ports from which on it is looked for.</param>
    public ImmutableArray<CensusReading.SightingRow> Of(CollectContext context, CensusReading census, ImmutableArray<CensusReading.DestinationRow> rows, double from)
    {
        if (rows.IsEmpty || rows[0] is not { } fullest || fullest.Live + fullest.TimeWait + fullest.UnprovenTimeWait < from || census.Sightings.Any(row => row.Address == fullest.Address && row.Port == fullest.Port))
        {
            watch?.Clear();
            return [];
        }

        owners ??= new SocketOwners(kernel, cgroups);
        watch ??= new DestinationWatch(kernel, cgroups, Find);
        wanted.Clear();
        ImmutableArray<CensusReading.SightingRow> seen = watch.Look(context, fullest.Key);
        if (seen.Any(row => row.Process == Labels.Unknown))
        {
            owners.Improve(wanted, SocketOwners.DefaultBudget, context.Answered);
        }

        return seen;
    }

    public void Dispose()
    {
        watch?.Dispose();
        owners?.Dispose();
        cgroups.Dispose();
    }

    // A connection that stays open is found in one of the next rounds.
    private Owner? Find(Sighting sighting)
    {
        if (owners!.Find(sighting.Inode) is { } owner)
        {
            return owner;
        }

        wanted.Add(TcpState.Established, sighting.Inode, sighting.CgroupId, sighting.User);
        return null;
    }
}
