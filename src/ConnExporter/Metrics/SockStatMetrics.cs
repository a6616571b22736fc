using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>Orphans, TCP memory and TIME_WAIT with their limits.</summary>
internal static class SockStatMetrics
{
    private static readonly MetricFamily Orphans = MetricFamily.Gauge("conn_tcp_orphaned_sockets", "TCP sockets of the host that no process holds any more.");

    private static readonly MetricFamily OrphansLimit = MetricFamily.Gauge("conn_tcp_orphaned_sockets_limit", "net.ipv4.tcp_max_orphans.");

    private static readonly MetricFamily Memory = MetricFamily.Gauge("conn_tcp_memory_bytes", "Memory that TCP buffers of the host hold; lags by about 1 MiB a CPU.");

    private static readonly MetricFamily Pressure = MetricFamily.Gauge(
        "conn_tcp_memory_pressure_bytes", "Above it TCP is under memory pressure (middle value of net.ipv4.tcp_mem).");

    private static readonly MetricFamily MemoryLimit = MetricFamily.Gauge("conn_tcp_memory_limit_bytes", "Above it TCP drops data (last value of net.ipv4.tcp_mem).");

    private static readonly MetricFamily TimeWaitLimit = MetricFamily.Gauge(
        "conn_tcp_time_wait_limit", "net.ipv4.tcp_max_tw_buckets: above it sockets close without TIME_WAIT.", "netns");

    private static readonly MetricFamily Packets = MetricFamily.Counter("conn_softnet_packets_total", "Packets that the processors of the host took in.");

    private static readonly MetricFamily Drops = MetricFamily.Counter(
        "conn_softnet_drops_total", "Packets dropped before any protocol saw them, because the backlog of a processor was full. No SYN drop of a listener is among them.");

    private static readonly MetricFamily Squeezes = MetricFamily.Counter("conn_softnet_squeezes_total", "Times that a processor had packets left when its time or its budget was used up.");

    private static readonly MetricFamily BacklogLimit = MetricFamily.Gauge("conn_softnet_backlog_limit", "net.core.netdev_max_backlog, for each processor.");

    public static void Write(ExpositionWriter page, SockStatReading reading)
    {
        ulong pageSize = (ulong)SystemClock.PageSize;
        page.Write(Orphans, reading.Counts?.Orphans);
        page.Write(OrphansLimit, reading.MaxOrphans);
        page.Write(Memory, reading.Counts?.MemoryPages * pageSize);
        page.Write(Pressure, reading.Limits?.PressurePages * pageSize);
        page.Write(MemoryLimit, reading.Limits?.LimitPages * pageSize);
        page.Write(TimeWaitLimit, reading.MaxTimeWait, reading.Netns);
        page.Write(Packets, reading.Softnet?.Processed);
        page.Write(Drops, reading.Softnet?.Dropped);
        page.Write(Squeezes, reading.Softnet?.Squeezed);
        page.Write(BacklogLimit, reading.BacklogLimit);
    }
}
