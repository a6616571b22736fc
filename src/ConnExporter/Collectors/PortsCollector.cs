using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>How many ephemeral ports there are for each destination: the range without what is reserved of it.</summary>
internal sealed class PortsCollector : Collector
{
    private readonly string netns;
    private readonly ProcFile range;
    private readonly ProcFile reserved;

    public PortsCollector(KernelSource kernel)
    {
        netns = kernel.Namespace;
        range = kernel.Proc.File("sys/net/ipv4/ip_local_port_range");
        reserved = kernel.Proc.File("sys/net/ipv4/ip_local_reserved_ports");
    }

    public override Reading Collect(CollectContext context)
    {
        var ports = PortRange.Parse(range.Path, range.Read());
        var excluded = PortSet.Parse(reserved.Path, reserved.Read());
        return new PortsReading(netns, ports, excluded);
    }

    public override void Close()
    {
        range.Dispose();
        reserved.Dispose();
    }
}

/// <summary>The ephemeral port range at one time.</summary>
internal sealed class PortsReading : Reading
{
    private static readonly MetricFamily First = MetricFamily.Gauge("conn_ephemeral_port_first", "First port of net.ipv4.ip_local_port_range.", "netns");

    private static readonly MetricFamily Last = MetricFamily.Gauge("conn_ephemeral_port_last", "Last port of net.ipv4.ip_local_port_range.", "netns");

    private static readonly MetricFamily ReservedPorts = MetricFamily.Gauge(
        "conn_ephemeral_ports_reserved", "Ports of the range that net.ipv4.ip_local_reserved_ports keeps out of it.", "netns");

    private static readonly MetricFamily Usable = MetricFamily.Gauge(
        "conn_ephemeral_ports_usable", "Ports of the range that can be handed out: the limit for each source, destination and destination port.", "netns");

    private readonly string netns;

    public PortsReading(string netns, PortRange range, PortSet reserved)
    {
        this.netns = netns;
        Range = range;
        Reserved = reserved;
        ReservedCount = reserved.CountIn(range.First, range.Last);
    }

    public PortRange Range { get; }

    /// <summary>What is reserved, in the range and elsewhere.</summary>
    public PortSet Reserved { get; }

    /// <summary>Ports of the range that are reserved.</summary>
    public int ReservedCount { get; }

    /// <summary>What is left of the range.</summary>
    public int UsableCount => Range.Count - ReservedCount;

    public override void Write(ExpositionWriter page)
    {
        page.Write(First, Range.First, netns);
        page.Write(Last, Range.Last, netns);
        page.Write(ReservedPorts, ReservedCount, netns);
        page.Write(Usable, UsableCount, netns);
    }
}
