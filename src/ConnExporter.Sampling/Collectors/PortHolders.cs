using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// Who connects to the destination that runs short of ports, where that shows between two censuses: by some of the sockets that were looked up and live; where all are in TIME_WAIT, the next
/// ones are caught. For one thread.
/// </summary>
/// <param name="kernel">The kernel.</param>
internal sealed class PortHolders(KernelSource kernel) : IDisposable
{
    // Sockets whose process is looked for.
    private const int MostSamples = 64;
    private const int Links = 60_000;
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMinutes(1);

    // One dump, which walks over all sockets of the host.
    private static readonly TimeSpan WatchCost = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan ImproveCost = TimeSpan.FromMilliseconds(250);
    private readonly CgroupTree cgroups = new(kernel.Proc, kernel.SysRoot, kernel.Pods);
    private readonly Wanted wanted = new();
    private readonly List<Sample> samples = [];
    private DestinationWatch? watch;
    private SocketOwners? owners;
    private ImmutableArray<CensusReading.SightingRow> caught = [];
    private long? caughtAt;
    private long? improvedAt;
    private bool isNoting;

    /// <summary>Starts a look at a destination.</summary>
    /// <param name="matters">Whether its holders are asked for: then its sockets are noted, and otherwise those of the last one stay.</param>
    public void Begin(bool matters)
    {
        isNoting = matters;
        if (matters)
        {
            samples.Clear();
        }
    }

    /// <summary>Takes note of one of its sockets.</summary>
    public void Note(in SocketRecord socket)
    {
        if (isNoting && socket.Inode != 0 && samples.Count < MostSamples)
        {
            samples.Add(new Sample(socket.Inode, socket.User, socket.TryGetCgroup(out ulong cgroup) ? cgroup : 0));
        }
    }

    /// <summary>Says who they are.</summary>
    /// <param name="context">The sample.</param>
    /// <param name="census">The last census: whom it knows is not looked for again.</param>
    /// <param name="fullest">The destination that was looked at since <see cref="Begin"/>.</param>
    public ImmutableArray<CensusReading.SightingRow> Of(CollectContext context, CensusReading census, CensusReading.DestinationRow fullest)
    {
        if (census.Sightings.Any(row => row.Address == fullest.Address && row.Port == fullest.Port))
        {
            return [];
        }

        TimeSpan begin = ThreadClock.CpuTime();
        ImmutableArray<CensusReading.SightingRow> seen = samples.Count > 0 ? Living(context, fullest) : Caught(context, fullest);
        context.SpendSeldom(ThreadClock.CpuTime() - begin);
        return seen;
    }

    public void Dispose()
    {
        watch?.Dispose();
        owners?.Dispose();
        cgroups.Dispose();
    }

    private ImmutableArray<CensusReading.SightingRow> Living(CollectContext context, CensusReading.DestinationRow fullest)
    {
        owners ??= new SocketOwners(kernel, cgroups);
        wanted.Clear();
        foreach (Sample one in samples)
        {
            if (!owners.TryFind(one.Inode, out _))
            {
                wanted.Add(TcpState.Established, one.Inode, one.Cgroup, one.User);
            }
        }

        // As long as some are unknown, more than a census reads: a destination is about to be lost.
        if (wanted.Sockets > 0 && (improvedAt is not { } at || context.Time.GetElapsedTime(at) >= AgainAfter || context.Admits(ImproveCost)))
        {
            improvedAt = context.Time.GetTimestamp();
            owners.Improve(wanted, Links, context.Answered);
        }

        cgroups.BeginRound();
        return
        [
            .. samples.Select(one => (Owner: owners.Find(one.Inode), one.Cgroup))
                .GroupBy(one => (Process: one.Owner?.Name ?? Labels.Unknown, Unit: one.Owner?.Unit ?? (CgroupTree.Tells(one.Cgroup) ? cgroups.Find(one.Cgroup)?.Unit : null) ?? UnitName.None))
                .Select(group => new CensusReading.SightingRow(fullest.Address, fullest.Port, group.Key.Unit, group.Key.Process, (ulong)group.Count(), group.First().Owner)),
        ];
    }

    private ImmutableArray<CensusReading.SightingRow> Caught(CollectContext context, CensusReading.DestinationRow fullest)
    {
        if ((caughtAt is not { } at || context.Time.GetElapsedTime(at) >= AgainAfter) && context.Admits(WatchCost))
        {
            caughtAt = context.Time.GetTimestamp();
            watch ??= new DestinationWatch(kernel, cgroups, sighting => owners?.Find(sighting.Inode));
            caught = watch.Look(context, fullest.Key);
        }

        return [.. caught.Where(row => row.Address == fullest.Address && row.Port == fullest.Port)];
    }

    private readonly record struct Sample(uint Inode, uint User, ulong Cgroup);
}
