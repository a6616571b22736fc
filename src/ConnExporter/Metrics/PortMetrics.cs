using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>The ephemeral port range.</summary>
internal static class PortMetrics
{
    private static readonly MetricFamily First = MetricFamily.Gauge("conn_ephemeral_port_first", "First port of net.ipv4.ip_local_port_range.", "netns");

    private static readonly MetricFamily Last = MetricFamily.Gauge("conn_ephemeral_port_last", "Last port of net.ipv4.ip_local_port_range.", "netns");

    private static readonly MetricFamily ReservedPorts = MetricFamily.Gauge(
        "conn_ephemeral_ports_reserved", "Ports of the range that net.ipv4.ip_local_reserved_ports keeps out of it.", "netns");

    private static readonly MetricFamily Usable = MetricFamily.Gauge(
        "conn_ephemeral_ports_usable", "Ports of the range that can be handed out: the limit for each source, destination and destination port.", "netns");

    public static void Write(ExpositionWriter page, PortsReading reading)
    {
        WriteRange(page, reading.Netns, reading.Range);
        page.Write(ReservedPorts, reading.ReservedCount, reading.Netns);
        page.Write(Usable, reading.UsableCount, reading.Netns);
    }

    public static void Write(ExpositionWriter page, PortRangeAlone reading) => WriteRange(page, reading.Netns, reading.Range);

    private static void WriteRange(ExpositionWriter page, string netns, PortRange range)
    {
        page.Write(First, range.First, netns);
        page.Write(Last, range.Last, netns);
    }
}
