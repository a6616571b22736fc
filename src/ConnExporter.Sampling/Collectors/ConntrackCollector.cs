using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The connection tracking table. Read from proc only: asking over netlink could load the module (docs/kernel-facts.md §4).</summary>
internal sealed class ConntrackCollector : Collector
{
    // Of a core the looks at the table take a hundredth at most.
    private const int ShareOfLooks = 200;
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(2);

    private readonly bool isOwn;
    private readonly ProcFile count;
    private readonly ProcFile max;
    private readonly ProcFile buckets;
    private readonly ProcFile hashSize;
    private readonly ProcFile statistics;
    private readonly KernelSource kernel;
    private readonly ProcFile always;
    private readonly ConntrackMemory own = new();
    private long? lookedAt;
    private TimeSpan nextLookAfter = LookAgainAfter;

    public ConntrackCollector(KernelSource kernel)
    {
        this.kernel = kernel;
        always = kernel.Proc.File("sys/net/core/somaxconn");
        isOwn = kernel.IsOwnNamespace;
        count = kernel.Proc.File("sys/net/netfilter/nf_conntrack_count");
        max = kernel.Proc.File("sys/net/netfilter/nf_conntrack_max");
        buckets = kernel.Proc.File("sys/net/netfilter/nf_conntrack_buckets");
        hashSize = new ProcFile(Path.Join(kernel.SysRoot, "module/nf_conntrack/parameters/hashsize"));
        statistics = kernel.Proc.NetFile("stat/nf_conntrack");
    }

    public override Reading Collect(CollectContext context) => Collect(context, own);

    /// <summary>The table of the one of many network namespaces that the calling thread is in.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="memory">What is remembered of it.</param>
    public Reading Collect(CollectContext context, ConntrackMemory memory)
    {
        ConntrackStatistics? counters = context.Part(ReadStatistics);
        ulong? entries = ReadEntries(context, counters);
        NatPorts? nat = LookForNatPorts(context, counters, memory);

        // Older kernels show max and buckets in the first network namespace only; the hash table is one for all and its size is also in sysfs. On the
        // page both are the host's: the readings of other namespaces leave them to ours.
        ulong? limit = isOwn ? context.Part(max.ReadNumberIfThere) : null;
        ulong? size = isOwn ? context.Part(() => buckets.ReadNumberIfThere() ?? hashSize.ReadNumberIfThere()) : null;
        if (entries is { } known)
        {
            return new ConntrackReading(context.Namespace, known, limit, size, counters) { Nat = nat };
        }

        context.RequirePart();
        return new ConntrackWithoutCount(context.Namespace, limit, size, counters);
    }

    public override void Close()
    {
        count.Dispose();
        max.Dispose();
        buckets.Dispose();
        hashSize.Dispose();
        statistics.Dispose();
        always.Dispose();
    }

    // The number of entries is a sysctl, and stands in the statistics too. Where both are missing there is no connection tracking, if sysctls are to be seen at all.
    private ulong? ReadEntries(CollectContext context, ConntrackStatistics? counters)
    {
        try
        {
            return count.ReadNumber();
        }
        catch (KernelReadException e) when (e.Kind != FailureKind.Broken && counters?.Entries is not null)
        {
            return counters.Value.Entries;
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            if (always.ReadNumberIfThere() is null)
            {
                throw new KernelReadException(FailureKind.Denied, "denied", $"{always.Path} is hidden, and {statistics.Path} is not there: whether connections are tracked cannot be told", e);
            }

            throw;
        }
        catch (KernelReadException e)
        {
            context.Miss(e);
            return null;
        }
    }

    // Reading the table takes most of a second where it is large: only while insertions fail, and not often.
    private NatPorts? LookForNatPorts(CollectContext context, ConntrackStatistics? counters, ConntrackMemory memory)
    {
        if (counters?.InsertFailed is not { } failed)
        {
            return memory.Nat = null;
        }

        long now = context.Time.GetTimestamp();
        bool isRising = memory.LastFailed is { } before && failed != before;
        memory.LastFailed = failed;
        if (isRising)
        {
            memory.RisenAt = now;
        }

        if (isRising && (lookedAt is not { } last || context.Time.GetElapsedTime(last, now) >= nextLookAfter))
        {
            TimeSpan start = ThreadClock.CpuTime();
            try
            {
                memory.Nat = NatPorts.Read(kernel);
                context.Note(null);
            }
            catch (KernelReadException e)
            {
                memory.Nat = null;
                context.Note($"insertions into the connection tracking table fail, and whether NAT is out of ports cannot be told: {e.Message}");
            }

            lookedAt = context.Time.GetTimestamp();
            TimeSpan cost = (ThreadClock.CpuTime() - start) * ShareOfLooks;
            nextLookAfter = cost > LookAgainAfter ? cost : LookAgainAfter;
        }

        if (memory.RisenAt is not { } rise || context.Time.GetElapsedTime(rise, now) > Remembered)
        {
            memory.Nat = null;
            context.Note(null);
        }

        return memory.Nat;
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
    public ConntrackReading(string netns, ulong entries, ulong? limit, ulong? buckets, ConntrackStatistics? statistics)
    {
        Netns = netns;
        Count = entries;
        Max = limit;
        BucketCount = buckets;
        Statistics = statistics;
    }

    /// <summary>The network namespace.</summary>
    public string Netns { get; }

    /// <summary>Entries.</summary>
    public ulong Count { get; }

    /// <summary>The most there can be; 0 is without limit.</summary>
    public ulong? Max { get; }

    public ulong? BucketCount { get; }

    public ConntrackStatistics? Statistics { get; }

    /// <summary>The ports of NAT, from a look at the table while insertions failed; null where there was none.</summary>
    public NatPorts? Nat { get; init; }
}

/// <summary>What is left of a <see cref="ConntrackReading"/> where the number of entries could not be read: no judge of the table, and nothing for one.</summary>
internal sealed class ConntrackWithoutCount(string netns, ulong? limit, ulong? buckets, ConntrackStatistics? statistics) : Reading
{
    public string Netns => netns;

    public ulong? Max => limit;

    public ulong? BucketCount => buckets;

    public ConntrackStatistics? Statistics => statistics;
}

/// <summary>What is remembered of the connection tracking of one network namespace: whether insertions fail, and the ports of NAT while they do.</summary>
internal sealed class ConntrackMemory
{
    /// <summary>Failed insertions at the last reading; null before the first.</summary>
    public ulong? LastFailed { get; set; }

    /// <summary>Monotonic time of the last reading that had more of them; null where none had.</summary>
    public long? RisenAt { get; set; }

    /// <summary>The last look at the table, while insertions fail.</summary>
    public NatPorts? Nat { get; set; }
}
