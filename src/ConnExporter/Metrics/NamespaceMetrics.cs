using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>The other network namespaces, each in full or in short.</summary>
internal static class NamespaceMetrics
{
    private static readonly MetricFamily Namespaces = MetricFamily.Gauge(
        "conn_namespaces", "Network namespaces besides the exporter's own: seen; read; denied, which may not be entered and show at most what /proc/PID/net tells.", "state");

    public static void Write(ExpositionWriter page, NamespacesReading reading)
    {
        if (reading.Seen is not { } count)
        {
            return;
        }

        page.Write(Namespaces, count, "seen");
        page.Write(Namespaces, reading.Read, "read");
        page.Write(Namespaces, reading.Denied, "denied");
        foreach (NamespacesReading.Row row in reading.Rows)
        {
            if (row.InFull)
            {
                Write(page, row.Readings);
            }
            else
            {
                if (row.Readings.States is { } states)
                {
                    StateMetrics.WriteSockets(page, states);
                }

                if (row.Readings.Counters is { } counters)
                {
                    TcpCounterMetrics.WriteOverflows(page, counters);
                }

                CensusMetrics.WriteWorst(page, row.Name, row.Readings.Worst);
            }
        }
    }

    private static void Write(ExpositionWriter page, NamespaceReadings readings)
    {
        ReadingMetrics.Write(page, readings.States);
        ReadingMetrics.Write(page, readings.Listeners);
        ReadingMetrics.Write(page, readings.Counters);
        ReadingMetrics.Write(page, readings.Limits);
        ReadingMetrics.Write(page, readings.Ports);
        ReadingMetrics.Write(page, readings.Conntrack);
        ReadingMetrics.Write(page, readings.Unix);
        if (readings.Census is { } census)
        {
            CensusMetrics.WriteCounts(page, census);
        }

        if (readings.Udp is { } udp)
        {
            UdpMetrics.WriteCounts(page, udp);
        }
    }
}
