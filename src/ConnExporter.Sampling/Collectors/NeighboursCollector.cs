using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The tables of neighbours, by which IPv4 (ARP) and IPv6 addresses of the own segments are found: each is one for the whole host.</summary>
internal sealed class NeighboursCollector : Collector
{
    private readonly ImmutableArray<Table> tables;

    public NeighboursCollector(KernelSource kernel) =>
        tables = [new Table(kernel, "ipv4", "arp_cache"), new Table(kernel, "ipv6", "ndisc_cache")];

    public override Reading Collect(CollectContext context)
    {
        ImmutableArray<NeighboursReading.Table> read = [.. tables.Select(table => table.Read(context)).OfType<NeighboursReading.Table>()];
        context.RequirePart();
        return read.IsEmpty
            ? throw new KernelReadException(FailureKind.Absent, "absent", $"{tables[0].StatisticsPath}: only the host's own network namespace has it")
            : new NeighboursReading(read);
    }

    public override void Close()
    {
        foreach (Table table in tables)
        {
            table.Close();
        }
    }

    private sealed class Table(KernelSource kernel, string family, string name)
    {
        private readonly ProcFile statistics = kernel.Proc.NetFile($"stat/{name}");
        private readonly ProcFile limit = kernel.Proc.File($"sys/net/{family}/neigh/default/gc_thresh3");

        public string StatisticsPath => statistics.Path;

        // Without IPv6 its table is not there; in another network namespace than the first neither is.
        public NeighboursReading.Table? Read(CollectContext context)
        {
            return context.Part(ReadStatistics) is { } counts ? new(family, counts, context.Part(limit.ReadNumberIfThere)) : null;
        }

        public void Close()
        {
            statistics.Dispose();
            limit.Dispose();
        }

        private NeighbourStatistics? ReadStatistics()
        {
            try
            {
                return NeighbourStatistics.Parse(statistics.Path, statistics.Read());
            }
            catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
            {
                return e.IsHidden ? throw new KernelReadException(FailureKind.Denied, "denied", e.Message, e) : null;
            }
        }
    }
}

/// <summary>The tables of neighbours at one time.</summary>
/// <param name="tables">Those that there are.</param>
internal sealed class NeighboursReading(ImmutableArray<NeighboursReading.Table> tables) : Reading
{
    /// <summary>Those that there are, IPv4 first.</summary>
    public ImmutableArray<Table> Tables => tables;

    /// <summary>One table.</summary>
    /// <param name="Family"><c>ipv4</c> or <c>ipv6</c>, as sysctls have it.</param>
    /// <param name="Counts">Its entries and counters.</param>
    /// <param name="Limit">gc_thresh3; null where it was not read.</param>
    internal sealed record Table(string Family, NeighbourStatistics Counts, ulong? Limit);
}
