using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>How many ephemeral ports there are for each destination: the range without what is reserved of it.</summary>
internal sealed class PortsCollector : Collector
{
    private readonly ProcFile range;
    private readonly ProcFile reserved;
    private readonly UdpTables udp;

    public PortsCollector(KernelSource kernel)
    {
        range = kernel.Proc.File("sys/net/ipv4/ip_local_port_range");
        reserved = kernel.Proc.File("sys/net/ipv4/ip_local_reserved_ports");
        udp = new UdpTables(kernel.Proc);
    }

    public override Reading Collect(CollectContext context)
    {
        var ports = PortRange.Parse(range.Path, range.Read());
        PortSet? excluded = context.PartOf(() => PortSet.Parse(reserved.Path, reserved.Read()));
        if (excluded is null)
        {
            return new PortRangeAlone(context.Namespace, ports);
        }

        return new PortsReading(context.Namespace, ports, excluded) { BoundUdp = context.PartOf(ReadUdp) };
    }

    public override void Close()
    {
        range.Dispose();
        reserved.Dispose();
        udp.Dispose();
    }

    private PortSet? ReadUdp()
    {
        try
        {
            return udp.Read();
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            // Some file systems of /proc leave it out: a remedy that needs it says that it was not seen.
            return null;
        }
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

    /// <summary>UDP ports that a socket without a peer is bound to, which the range and what is reserved of it govern too; null where they were not read, or are very many.</summary>
    public PortSet? BoundUdp { get; init; }

    /// <summary>Ports of the range that are reserved.</summary>
    public int ReservedCount { get; }

    /// <summary>What is left of the range.</summary>
    public int UsableCount => Range.Count - ReservedCount;

    public override void Write(ExpositionWriter page)
    {
        WriteRange(page, netns, Range);
        page.Write(ReservedPorts, ReservedCount, netns);
        page.Write(Usable, UsableCount, netns);
    }

    /// <summary>Writes the range alone.</summary>
    public static void WriteRange(ExpositionWriter page, string netns, PortRange range)
    {
        page.Write(First, range.First, netns);
        page.Write(Last, range.Last, netns);
    }
}

/// <summary>What is left of a <see cref="PortsReading"/> where the reserved ports could not be read: how many are usable is not known then.</summary>
internal sealed class PortRangeAlone(string netns, PortRange range) : Reading
{
    public override void Write(ExpositionWriter page) => PortsReading.WriteRange(page, netns, range);
}
