using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>The TCP counters, as the kernel has them.</summary>
internal static class TcpCounterMetrics
{
    private static readonly MetricFamily Aborts = MetricFamily.Counter(
        "conn_tcp_aborts_total", "Connections aborted by this host, by reason (TCPAbort* of netstat).", "netns", "reason");

    private static readonly MetricFamily PawsRejections = MetricFamily.Counter(
        "conn_tcp_paws_rejections_total", "Segments rejected by their timestamps (PAWS), by the side of the connection they hit.", "netns", "when");

    private static readonly Dictionary<string, Series> ByKernelName = new(StringComparer.Ordinal)
    {
        ["ActiveOpens"] = new(Family("active_opens", "connect() calls that sent a SYN.")),
        ["PassiveOpens"] = new(Family("passive_opens", "Connections accepted by the kernel for a listener.")),
        ["AttemptFails"] = new(Family("attempt_fails", "Connections that failed before they were established.")),
        ["EstabResets"] = new(Family("established_resets", "Connections that went from ESTABLISHED or CLOSE_WAIT to CLOSE at once: reset, aborted or timed out.")),
        ["OutSegs"] = new(Family("segments_sent", "Segments sent, without those that hold only retransmitted data.")),
        ["RetransSegs"] = new(Family("segments_retransmitted", "Segments retransmitted.")),
        ["SyncookiesSent"] = new(Family("syncookies_sent", "SYN cookies sent.")),
        ["SyncookiesRecv"] = new(Family("syncookies_received", "Valid SYN cookies received.")),
        ["SyncookiesFailed"] = new(Family("syncookies_failed", "Invalid SYN cookies received.")),
        ["TW"] = new(Family("time_wait", "Sockets that entered TIME_WAIT (or FIN_WAIT2 without an owner).")),
        ["TWRecycled"] = new(Family("time_wait_recycled", "TIME_WAIT sockets that connect() took over.")),
        ["PAWSActive"] = new(PawsRejections, "active"),
        ["PAWSEstab"] = new(PawsRejections, "established"),
        ["ListenOverflows"] = new(Family("listen_overflows", "Connection attempts turned away because an accept queue was full.")),
        ["ListenDrops"] = new(Family("listen_drops", "Connection attempts that listeners turned away for any reason; includes the overflows.")),
        ["TCPTimeouts"] = new(Family("timeouts", "Retransmission timeouts.")),
        ["TCPRcvQDrop"] = new(Family("receive_queue_drops", "Segments dropped because a receive queue was full.")),
        ["TCPAbortOnData"] = new(Aborts, "data"),
        ["TCPAbortOnClose"] = new(Aborts, "close"),
        ["TCPAbortOnMemory"] = new(Aborts, "memory"),
        ["TCPAbortOnTimeout"] = new(Aborts, "timeout"),
        ["TCPAbortOnLinger"] = new(Aborts, "linger"),
        ["TCPAbortFailed"] = new(Aborts, "failed"),
        ["TCPMemoryPressures"] = new(Family("memory_pressures", "Times that TCP came under memory pressure.")),
        ["TCPBacklogDrop"] = new(Family("backlog_drops", "Segments dropped because a socket's backlog was full while its owner held it.")),
        ["TCPTimeWaitOverflow"] = new(Family("time_wait_overflows", "Sockets closed without TIME_WAIT because tcp_max_tw_buckets was reached.")),
        ["TCPReqQFullDoCookies"] = new(Family("request_queue_full_cookies", "SYNs answered with a cookie because a SYN queue was full.")),
        ["TCPReqQFullDrop"] = new(Family("request_queue_full_drops", "SYNs dropped because a SYN queue was full.")),
        ["TCPSynRetrans"] = new(Family("syn_retransmits", "SYNs and SYN-ACKs retransmitted.")),
        ["TCPKeepAlive"] = new(Family("keepalive_probes", "Keepalive probes sent.")),
    };

    // In the order of the readings.
    private static readonly Series[] All = [.. CountersReading.Tcp.Concat(CountersReading.TcpExt).Select(name => ByKernelName[name])];

    public static void Write(ExpositionWriter page, CountersReading reading)
    {
        int i = 0;
        foreach ((_, ulong? value) in reading.All)
        {
            Series series = All[i++];
            if (series.Label is { } label)
            {
                page.Write(series.Family, value, reading.Netns, label);
            }
            else
            {
                page.Write(series.Family, value, reading.Netns);
            }
        }
    }

    /// <summary>Writes <see cref="CountersReading.ListenOverflows"/> alone.</summary>
    public static void WriteOverflows(ExpositionWriter page, CountersReading reading) => page.Write(ByKernelName["ListenOverflows"].Family, reading.ListenOverflows, reading.Netns);

    private static MetricFamily Family(string name, string help) => MetricFamily.Counter($"conn_tcp_{name}_total", help, "netns");

    /// <summary>Where a counter goes.</summary>
    private sealed record Series(MetricFamily Family, string? Label = null);
}
