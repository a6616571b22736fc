using System.Collections.Immutable;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>The other network namespaces at one time.</summary>
internal sealed class NamespacesReading : Reading
{
    /// <summary>Where they are not to be read.</summary>
    public static readonly NamespacesReading None = new([], seen: null, 0, 0);

    private static readonly MetricFamily Namespaces = MetricFamily.Gauge(
        "conn_namespaces", "Network namespaces besides the exporter's own: seen; read; denied, which may not be entered and show at most what /proc/PID/net tells.", "state");

    private readonly int? seen;
    private readonly int read;
    private readonly int denied;

    public NamespacesReading(Row[] rows, int? seen, int read, int denied)
    {
        Rows = [.. rows];
        this.seen = seen;
        this.read = read;
        this.denied = denied;
    }

    /// <summary>Those that are shown.</summary>
    public ImmutableArray<Row> Rows { get; }

    /// <summary>How many could not be entered: of them at most counters and states are known.</summary>
    public int Denied => denied;

    /// <summary>How many are there and could not be found by their path: nothing is known of them.</summary>
    public int Missed { get; init; }

    public override void Write(ExpositionWriter page)
    {
        if (seen is not { } count)
        {
            return;
        }

        page.Write(Namespaces, count, "seen");
        page.Write(Namespaces, read, "read");
        page.Write(Namespaces, denied, "denied");
        foreach (Row row in Rows)
        {
            if (row.InFull)
            {
                Write(page, row.Readings);
            }
            else
            {
                row.Readings.States?.WriteSockets(page);
                row.Readings.Counters?.WriteOverflows(page);
                CensusReading.WriteWorst(page, row.Name, row.Readings.Worst);
            }
        }
    }

    private static void Write(ExpositionWriter page, NamespaceReadings readings)
    {
        readings.States?.Write(page);
        readings.Listeners?.Write(page);
        readings.Counters?.Write(page);
        readings.Limits?.Write(page);
        readings.Ports?.Write(page);
        readings.Conntrack?.Write(page);
        readings.Census?.WriteCounts(page);
    }

    /// <summary>One namespace.</summary>
    internal sealed record Row(string Name, NamespaceReadings Readings, bool InFull)
    {
        /// <summary>A process in it; 0 where none is known.</summary>
        public int ProcessId { get; init; }

        /// <summary>Who is in it; null where nobody is or may be seen, and where it is not shown in full.</summary>
        public NamespaceInhabitants? Inhabitants { get; init; }

        /// <summary>What can be opened to enter it; null where that may not be seen.</summary>
        public string? Path { get; init; }
    }
}
