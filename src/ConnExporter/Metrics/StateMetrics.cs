using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>Sockets by state.</summary>
internal static class StateMetrics
{
    private static readonly MetricFamily Sockets = MetricFamily.Gauge(
        "conn_tcp_sockets", "TCP sockets by state, IPv4 and IPv6; syn_recv includes the request sockets of SYN queues.", "netns", "state");

    private static readonly MetricFamily Source = MetricFamily.Gauge(
        "conn_tcp_sockets_source", "1 for where the sockets were read: sock_diag, or /proc/net/tcp and tcp6 where that is missing.", "netns", "source");

    public static void Write(ExpositionWriter page, StatesReading reading)
    {
        WriteSockets(page, reading);
        page.Write(Source, reading.Source == StatesReading.SockDiag ? 1 : 0, reading.Netns, StatesReading.SockDiag);
        page.Write(Source, reading.Source == StatesReading.ProcTables ? 1 : 0, reading.Netns, StatesReading.ProcTables);
    }

    /// <summary>Writes the sockets without where they were read.</summary>
    public static void WriteSockets(ExpositionWriter page, StatesReading reading)
    {
        foreach ((TcpState state, string label) in Labels.States)
        {
            page.Write(Sockets, reading[state], reading.Netns, label);
        }
    }
}
