using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>Connection tracking.</summary>
internal static class ConntrackMetrics
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

    public static void Write(ExpositionWriter page, ConntrackReading reading)
    {
        page.Write(Entries, reading.Count, reading.Netns);
        Write(page, reading.Netns, reading.Max, reading.BucketCount, reading.Statistics);
    }

    public static void Write(ExpositionWriter page, ConntrackWithoutCount reading) => Write(page, reading.Netns, reading.Max, reading.BucketCount, reading.Statistics);

    private static void Write(ExpositionWriter page, string netns, ulong? limit, ulong? buckets, ConntrackStatistics? statistics)
    {
        page.Write(Limit, limit == 0 ? null : limit);
        page.Write(Buckets, buckets);
        page.Write(Drops, statistics?.Drops, netns);
        page.Write(EarlyDrops, statistics?.EarlyDrops, netns);
        page.Write(InsertFailed, statistics?.InsertFailed, netns);
        page.Write(Invalid, statistics?.Invalid, netns);
        page.Write(Clashes, statistics?.ClashesResolved, netns);
        page.Write(Chains, statistics?.ChainsTooLong, netns);
        page.Write(Restarts, statistics?.SearchRestarts, netns);
    }

    private static MetricFamily Counter(string name, string help) => MetricFamily.Counter($"conn_conntrack_{name}_total", help, "netns");
}
