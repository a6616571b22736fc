using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

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
    private static readonly MetricFamily Entries = MetricFamily.Gauge(
        "conn_neighbour_entries", "Entries of the host's table of neighbours; permanent ones, which do not count against the limit, included.", "family");

    private static readonly MetricFamily Limit = MetricFamily.Gauge("conn_neighbour_entries_limit", "net.ipv4.neigh.default.gc_thresh3, or that of net.ipv6.", "family");

    private static readonly MetricFamily Fulls = MetricFamily.Counter("conn_neighbour_table_full_total", "Attempts to add a neighbour that found no room in the table; each packet that asks for it counts.", "family");

    private static readonly MetricFamily Collections = MetricFamily.Counter("conn_neighbour_forced_gc_total", "Times that entries were thrown out because of their number.", "family");

    /// <summary>Those that there are, IPv4 first.</summary>
    public ImmutableArray<Table> Tables => tables;

    public override void Write(ExpositionWriter page)
    {
        foreach (Table table in tables)
        {
            page.Write(Entries, table.Counts.Entries, table.Family);
        }

        foreach (Table table in tables)
        {
            page.Write(Limit, table.Limit, table.Family);
        }

        foreach (Table table in tables)
        {
            page.Write(Fulls, table.Counts.TableFulls, table.Family);
        }

        foreach (Table table in tables)
        {
            page.Write(Collections, table.Counts.ForcedCollections, table.Family);
        }
    }

    /// <summary>One table.</summary>
    /// <param name="Family"><c>ipv4</c> or <c>ipv6</c>, as sysctls have it.</param>
    /// <param name="Counts">Its entries and counters.</param>
    /// <param name="Limit">gc_thresh3; null where it was not read.</param>
    internal sealed record Table(string Family, NeighbourStatistics Counts, ulong? Limit);
}
