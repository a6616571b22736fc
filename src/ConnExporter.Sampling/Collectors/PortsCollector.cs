using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>How many ephemeral ports there are for each destination: the range without what is reserved of it.</summary>
internal sealed class PortsCollector : Collector
{
    private readonly PortRangeSource source;
    private readonly UdpTables udp;

    public PortsCollector(KernelSource kernel)
    {
        source = new PortRangeSource(kernel);
        udp = new UdpTables(kernel.Proc);
    }

    public override Reading Collect(CollectContext context)
    {
        (PortRange ports, PortSet? excluded) = source.Read(context);
        if (excluded is null)
        {
            return new PortRangeAlone(context.Namespace, ports);
        }

        return new PortsReading(context.Namespace, ports, excluded) { BoundUdp = context.PartOf(ReadUdp) };
    }

    public override void Close()
    {
        source.Dispose();
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
    public PortsReading(string netns, PortRange range, PortSet reserved)
    {
        Netns = netns;
        Range = range;
        Reserved = reserved;
        ReservedCount = reserved.CountIn(range.First, range.Last);
    }

    /// <summary>The network namespace.</summary>
    public string Netns { get; }

    public PortRange Range { get; }

    /// <summary>What is reserved, in the range and elsewhere.</summary>
    public PortSet Reserved { get; }

    /// <summary>UDP ports that a socket without a peer is bound to, which the range and what is reserved of it govern too; null where they were not read, or are very many.</summary>
    public PortSet? BoundUdp { get; init; }

    /// <summary>Ports of the range that are reserved.</summary>
    public int ReservedCount { get; }

    /// <summary>What is left of the range.</summary>
    public int UsableCount => Range.Count - ReservedCount;
}

/// <summary>What is left of a <see cref="PortsReading"/> where the reserved ports could not be read: how many are usable is not known then.</summary>
internal sealed class PortRangeAlone(string netns, PortRange range) : Reading
{
    public string Netns => netns;

    public PortRange Range => range;
}
