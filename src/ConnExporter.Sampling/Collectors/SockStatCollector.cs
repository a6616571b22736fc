using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Orphans and TCP memory of the host with their limits, the limit of TIME_WAIT sockets, and packets that were dropped before any protocol saw them.</summary>
internal sealed class SockStatCollector : Collector
{
    private readonly bool isOwn;
    private readonly ProcFile sockstat;
    private readonly ProcFile memory;
    private readonly ProcFile maxOrphans;
    private readonly ProcFile maxTimeWait;
    private readonly ProcFile softnet;
    private readonly ProcFile backlog;

    public SockStatCollector(KernelSource kernel)
    {
        isOwn = kernel.IsOwnNamespace;
        sockstat = kernel.Proc.NetFile("sockstat");
        memory = kernel.Proc.File("sys/net/ipv4/tcp_mem");
        maxOrphans = kernel.Proc.File("sys/net/ipv4/tcp_max_orphans");
        maxTimeWait = kernel.Proc.File("sys/net/ipv4/tcp_max_tw_buckets");
        softnet = kernel.Proc.NetFile("softnet_stat");
        backlog = kernel.Proc.File("sys/net/core/netdev_max_backlog");
    }

    public override Reading Collect(CollectContext context)
    {
        // All but this limit is the whole host's.
        if (!isOwn)
        {
            return new SockStatReading(context.Namespace, counts: null, limits: null, maxOrphans: null, maxTimeWait.ReadNumberIfThere());
        }

        SockStat? counts = context.Part<SockStat>(() => SockStat.Parse(sockstat.Path, sockstat.Read()));
        MemoryLimits? limits = context.Part(() => MemoryLimits.ReadIfThere(memory));
        ulong? orphans = context.Part(maxOrphans.ReadNumberIfThere);
        ulong? timeWait = context.Part(maxTimeWait.ReadNumberIfThere);
        SoftnetStat? packets = context.Part(ReadSoftnet);
        ulong? backlogLimit = context.Part(backlog.ReadNumberIfThere);
        context.RequirePart();
        return new SockStatReading(context.Namespace, counts, limits, orphans, timeWait) { Softnet = packets, BacklogLimit = backlogLimit };
    }

    public override void Close()
    {
        sockstat.Dispose();
        memory.Dispose();
        maxOrphans.Dispose();
        maxTimeWait.Dispose();
        softnet.Dispose();
        backlog.Dispose();
    }

    // Some file systems of /proc leave it out.
    private SoftnetStat? ReadSoftnet()
    {
        try
        {
            return SoftnetStat.Parse(softnet.Path, softnet.Read());
        }
        catch (KernelReadException e) when (e is { Kind: FailureKind.Absent, IsHidden: false })
        {
            return null;
        }
    }
}

/// <summary>Orphans, memory and limits at one time; null where this namespace does not show them, or leaves them to our own.</summary>
internal sealed class SockStatReading : Reading
{
    public SockStatReading(string netns, SockStat? counts, MemoryLimits? limits, ulong? maxOrphans, ulong? maxTimeWait)
    {
        Netns = netns;
        Counts = counts;
        Limits = limits;
        MaxOrphans = maxOrphans;
        MaxTimeWait = maxTimeWait;
    }

    /// <summary>The network namespace, which only the limit of TIME_WAIT is of.</summary>
    public string Netns { get; }

    public SockStat? Counts { get; }

    public MemoryLimits? Limits { get; }

    public ulong? MaxOrphans { get; }

    public ulong? MaxTimeWait { get; }

    /// <summary>What the processors of the host did with packets before any protocol saw them.</summary>
    public SoftnetStat? Softnet { get; init; }

    /// <summary><c>net.core.netdev_max_backlog</c>.</summary>
    public ulong? BacklogLimit { get; init; }
}
