using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>The TCP counters of <c>/proc/net/snmp</c> and <c>/proc/net/netstat</c>, passed through as the kernel has them. Meanings: docs/kernel-facts.md §2.</summary>
internal sealed class CountersCollector : Collector
{
    private readonly ProcFile snmp;
    private readonly ProcFile netstat;

    public CountersCollector(KernelSource kernel)
    {
        snmp = kernel.Proc.NetFile("snmp");
        netstat = kernel.Proc.NetFile("netstat");
    }

    public override Reading Collect(CollectContext context)
    {
        ulong?[]? tcp = context.PartOf(() => Read(context, snmp, "Tcp:"u8, CountersReading.TcpNames));
        ulong?[]? tcpExt = context.PartOf(() => Read(context, netstat, "TcpExt:"u8, CountersReading.TcpExtNames));
        context.RequirePart();
        return new CountersReading(context.Namespace, tcp ?? new ulong?[CountersReading.Tcp.Length], tcpExt ?? new ulong?[CountersReading.TcpExt.Length]);
    }

    public override void Close()
    {
        snmp.Dispose();
        netstat.Dispose();
    }

    private static ulong?[] Read(CollectContext context, ProcFile file, ReadOnlySpan<byte> prefix, byte[][] names)
    {
        ulong?[] values = new ulong?[names.Length];
        context.Reject(NameValueTable.Parse(file.Path, file.Read(), prefix, names, values));
        return values;
    }
}

/// <summary>The counters at one time; null where this kernel has no such counter.</summary>
internal sealed class CountersReading : Reading
{
    private static readonly MetricFamily Aborts = MetricFamily.Counter(
        "conn_tcp_aborts_total", "Connections aborted by this host, by reason (TCPAbort* of netstat).", "netns", "reason");

    private static readonly MetricFamily PawsRejections = MetricFamily.Counter(
        "conn_tcp_paws_rejections_total", "Segments rejected by their timestamps (PAWS), by the side of the connection they hit.", "netns", "when");

    // In the order of the page, which is the kernel's as far as families allow.
    internal static readonly Counter[] Tcp =
    [
        new("ActiveOpens", Family("active_opens", "connect() calls that sent a SYN.")),
        new("PassiveOpens", Family("passive_opens", "Connections accepted by the kernel for a listener.")),
        new("AttemptFails", Family("attempt_fails", "Connections that failed before they were established.")),
        new("EstabResets", Family("established_resets", "Connections that went from ESTABLISHED or CLOSE_WAIT to CLOSE at once: reset, aborted or timed out.")),
        new("OutSegs", Family("segments_sent", "Segments sent, without those that hold only retransmitted data.")),
        new("RetransSegs", Family("segments_retransmitted", "Segments retransmitted.")),
    ];

    internal static readonly Counter[] TcpExt =
    [
        new("SyncookiesSent", Family("syncookies_sent", "SYN cookies sent.")),
        new("SyncookiesRecv", Family("syncookies_received", "Valid SYN cookies received.")),
        new("SyncookiesFailed", Family("syncookies_failed", "Invalid SYN cookies received.")),
        new("TW", Family("time_wait", "Sockets that entered TIME_WAIT (or FIN_WAIT2 without an owner).")),
        new("TWRecycled", Family("time_wait_recycled", "TIME_WAIT sockets that connect() took over.")),
        new("PAWSActive", PawsRejections, "active"),
        new("PAWSEstab", PawsRejections, "established"),
        new("ListenOverflows", Family("listen_overflows", "Connection attempts turned away because an accept queue was full.")),
        new("ListenDrops", Family("listen_drops", "Connection attempts that listeners turned away for any reason; includes the overflows.")),
        new("TCPTimeouts", Family("timeouts", "Retransmission timeouts.")),
        new("TCPRcvQDrop", Family("receive_queue_drops", "Segments dropped because a receive queue was full.")),
        new("TCPAbortOnData", Aborts, "data"),
        new("TCPAbortOnClose", Aborts, "close"),
        new("TCPAbortOnMemory", Aborts, "memory"),
        new("TCPAbortOnTimeout", Aborts, "timeout"),
        new("TCPAbortOnLinger", Aborts, "linger"),
        new("TCPAbortFailed", Aborts, "failed"),
        new("TCPMemoryPressures", Family("memory_pressures", "Times that TCP came under memory pressure.")),
        new("TCPBacklogDrop", Family("backlog_drops", "Segments dropped because a socket's backlog was full while its owner held it.")),
        new("TCPTimeWaitOverflow", Family("time_wait_overflows", "Sockets closed without TIME_WAIT because tcp_max_tw_buckets was reached.")),
        new("TCPReqQFullDoCookies", Family("request_queue_full_cookies", "SYNs answered with a cookie because a SYN queue was full.")),
        new("TCPReqQFullDrop", Family("request_queue_full_drops", "SYNs dropped because a SYN queue was full.")),
        new("TCPSynRetrans", Family("syn_retransmits", "SYNs and SYN-ACKs retransmitted.")),
        new("TCPKeepAlive", Family("keepalive_probes", "Keepalive probes sent.")),
    ];

    internal static readonly byte[][] TcpNames = [.. Tcp.Select(counter => Encoding.ASCII.GetBytes(counter.KernelName))];
    internal static readonly byte[][] TcpExtNames = [.. TcpExt.Select(counter => Encoding.ASCII.GetBytes(counter.KernelName))];

    private static readonly int Overflows = Array.FindIndex(TcpExt, counter => counter.KernelName == "ListenOverflows");

    private readonly string netns;
    private readonly ulong?[] tcp;
    private readonly ulong?[] tcpExt;

    public CountersReading(string netns, ulong?[] tcp, ulong?[] tcpExt)
    {
        this.netns = netns;
        this.tcp = tcp;
        this.tcpExt = tcpExt;
    }

    /// <summary>Every counter by the kernel's name; null where this kernel does not tell.</summary>
    public IEnumerable<(string KernelName, ulong? Value)> All =>
        Tcp.Select((counter, i) => (counter.KernelName, tcp[i])).Concat(TcpExt.Select((counter, i) => (counter.KernelName, tcpExt[i])));

    /// <summary>Differs, as good as always, when any counter does.</summary>
    public int Fingerprint
    {
        get
        {
            var hash = default(HashCode);
            foreach (ulong?[] values in (ulong?[][])[tcp, tcpExt])
            {
                foreach (ulong? value in values)
                {
                    hash.Add(value);
                }
            }

            return hash.ToHashCode();
        }
    }

    /// <summary>Connection attempts turned away because an accept queue was full; null where this kernel does not tell.</summary>
    public ulong? ListenOverflows => tcpExt[Overflows];

    /// <summary>Writes <see cref="ListenOverflows"/> alone.</summary>
    public void WriteOverflows(ExpositionWriter page) => page.Write(TcpExt[Overflows].Family, ListenOverflows, netns);

    public override void Write(ExpositionWriter page)
    {
        Write(page, Tcp, tcp);
        Write(page, TcpExt, tcpExt);
    }

    private void Write(ExpositionWriter page, Counter[] counters, ulong?[] values)
    {
        for (int i = 0; i < counters.Length; i++)
        {
            if (counters[i].Label is { } label)
            {
                page.Write(counters[i].Family, values[i], netns, label);
            }
            else
            {
                page.Write(counters[i].Family, values[i], netns);
            }
        }
    }

    private static MetricFamily Family(string name, string help) => MetricFamily.Counter($"conn_tcp_{name}_total", help, "netns");

    /// <summary>A column of the kernel's, and where it goes.</summary>
    internal sealed record Counter(string KernelName, MetricFamily Family, string? Label = null);
}
