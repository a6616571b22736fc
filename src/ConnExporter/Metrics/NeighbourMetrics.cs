using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>The host's tables of neighbours.</summary>
internal static class NeighbourMetrics
{
    private static readonly MetricFamily Entries = MetricFamily.Gauge(
        "conn_neighbour_entries", "Entries of the host's table of neighbours; permanent ones, which do not count against the limit, included.", "family");

    private static readonly MetricFamily Limit = MetricFamily.Gauge("conn_neighbour_entries_limit", "net.ipv4.neigh.default.gc_thresh3, or that of net.ipv6.", "family");

    private static readonly MetricFamily Fulls = MetricFamily.Counter("conn_neighbour_table_full_total", "Attempts to add a neighbour that found no room in the table; each packet that asks for it counts.", "family");

    private static readonly MetricFamily Collections = MetricFamily.Counter("conn_neighbour_forced_gc_total", "Times that entries were thrown out because of their number.", "family");

    public static void Write(ExpositionWriter page, NeighboursReading reading)
    {
        foreach (NeighboursReading.Table table in reading.Tables)
        {
            page.Write(Entries, table.Counts.Entries, table.Family);
        }

        foreach (NeighboursReading.Table table in reading.Tables)
        {
            page.Write(Limit, table.Limit, table.Family);
        }

        foreach (NeighboursReading.Table table in reading.Tables)
        {
            page.Write(Fulls, table.Counts.TableFulls, table.Family);
        }

        foreach (NeighboursReading.Table table in reading.Tables)
        {
            page.Write(Collections, table.Counts.ForcedCollections, table.Family);
        }
    }
}
