using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>The connection tracking table. Read from proc only: asking over netlink could load the module (docs/kernel-facts.md §4).</summary>
internal sealed class ConntrackCollector : Collector
{
    private readonly string netns;
    private readonly bool isOwn;
    private readonly ProcFile count;
    private readonly ProcFile max;
    private readonly ProcFile buckets;
    private readonly ProcFile hashSize;
    private readonly ProcFile statistics;

    public ConntrackCollector(KernelSource kernel)
    {
        netns = kernel.Namespace;
        isOwn = kernel.IsOwnNamespace;
        count = kernel.Proc.File("sys/net/netfilter/nf_conntrack_count");
        max = kernel.Proc.File("sys/net/netfilter/nf_conntrack_max");
        buckets = kernel.Proc.File("sys/net/netfilter/nf_conntrack_buckets");
        hashSize = new ProcFile(Path.Join(kernel.SysRoot, "module/nf_conntrack/parameters/hashsize"));
        statistics = kernel.Proc.NetFile("stat/nf_conntrack");
    }

    public override Reading Collect(CollectContext context)
    {
        ulong entries = count.ReadNumber();

        // Older kernels show max and buckets in the first network namespace only; the hash table is one for all and its size is also in sysfs. On the
        // page both are the host's: the readings of other namespaces leave them to ours.
        return isOwn
            ? new ConntrackReading(netns, entries, max.ReadNumberIfThere(), buckets.ReadNumberIfThere() ?? hashSize.ReadNumberIfThere(), ReadStatistics())
            : new ConntrackReading(netns, entries, limit: null, buckets: null, ReadStatistics());
    }

    public override void Close()
    {
        count.Dispose();
        max.Dispose();
        buckets.Dispose();
        hashSize.Dispose();
        statistics.Dispose();
    }

    // CONFIG_NF_CONNTRACK_PROCFS can be off while the sysctls are there.
    private ConntrackStatistics? ReadStatistics()
    {
        try
        {
            return ConntrackStatistics.Parse(statistics.Path, statistics.Read());
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return null;
        }
    }
}

/// <summary>The connection tracking table at one time; null where this kernel does not tell.</summary>
internal sealed class ConntrackReading : Reading
{
    private static readonly MetricFamily Entries = MetricFamily.Gauge("conn_conntrack_entries", "Connection tracking entries of the network namespace.", "netns");

    private static readonly MetricFamily Limit = MetricFamily.Gauge(
        "conn_conntrack_entries_limit", "net.netfilter.nf_conntrack_max, which each network namespace may reach. Left out where it is 0, without limit.");

    private static readonly MetricFamily Buckets = MetricFamily.Gauge("conn_conntrack_buckets", "Buckets of the hash table that all network namespaces share.");

    private static readonly MetricFamily Drops = Counter(
        "drops", "Packets dropped by connection tracking: table full, an unresolved clash, a tracker that refused.");

    private static readonly MetricFamily EarlyDrops = Counter("early_drops", "Entries evicted to make room in a full table.");

    private static readonly MetricFamily InsertFailed = Counter("insert_failed", "Entries that could not be inserted.");

    private static readonly MetricFamily Invalid = Counter("invalid", "Packets that could not be tracked.");

    private static readonly MetricFamily Clashes = Counter("clash_resolved", "Simultaneous packets of one new connection that were sorted out; benign.");

    private static readonly MetricFamily Chains = Counter("chain_too_long", "Insertions given up because a hash chain was too long.");

    private static readonly MetricFamily Restarts = Counter("search_restarts", "Look-ups started over because the table was resized; benign.");

    private readonly string netns;

    public ConntrackReading(string netns, ulong entries, ulong? limit, ulong? buckets, ConntrackStatistics? statistics)
    {
        this.netns = netns;
        Count = entries;
        Max = limit;
        BucketCount = buckets;
        Statistics = statistics;
    }

    /// <summary>Entries.</summary>
    public ulong Count { get; }

    /// <summary>The most there can be; 0 is without limit.</summary>
    public ulong? Max { get; }

    public ulong? BucketCount { get; }

    public ConntrackStatistics? Statistics { get; }

    public override void Write(ExpositionWriter page)
    {
        page.Write(Entries, Count, netns);
        page.Write(Limit, Max == 0 ? null : Max);
        page.Write(Buckets, BucketCount);
        page.Write(Drops, Statistics?.Drops, netns);
        page.Write(EarlyDrops, Statistics?.EarlyDrops, netns);
        page.Write(InsertFailed, Statistics?.InsertFailed, netns);
        page.Write(Invalid, Statistics?.Invalid, netns);
        page.Write(Clashes, Statistics?.ClashesResolved, netns);
        page.Write(Chains, Statistics?.ChainsTooLong, netns);
        page.Write(Restarts, Statistics?.SearchRestarts, netns);
    }

    private static MetricFamily Counter(string name, string help) => MetricFamily.Counter($"conn_conntrack_{name}_total", help, "netns");
}
