using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>Ports of the fullest destinations between two censuses.</summary>
internal static class PortLookupMetrics
{
    private static readonly MetricFamily Ports = MetricFamily.Gauge(
        "conn_port_lookup_destination_ports",
        "Ephemeral ports towards the destination, from single sockets looked up in the kernel while the census is older than 16 s: held by live connections, and by TIME_WAIT.",
        "source",
        "destination",
        "port",
        "kind");

    private static readonly MetricFamily Error = MetricFamily.Gauge(
        "conn_port_lookup_destination_error_ports", "By how many ports their sum may be off; 0 where every port was looked up.", "source", "destination", "port");

    private static readonly MetricFamily MostElsewhere = MetricFamily.Gauge(
        "conn_port_lookup_most_elsewhere_ports", "Ports that no destination which is not looked up can hold more of: the most of them when all were counted, and all connections opened since. Left out where that is not known.");

    private static readonly MetricFamily Walks = MetricFamily.Counter(
        "conn_port_lookup_sampled_walks_total", "Walks over a sixteenth of the ephemeral ports, made where that bound no longer excluded an exhaustion and the census was older than a minute.");

    public static void Write(ExpositionWriter page, PortLookupReading reading)
    {
        foreach (CensusReading.DestinationRow row in reading.Destinations)
        {
            page.Write(Ports, row.Live, row.Source, row.Address, row.Port, "live");
            page.Write(Ports, row.TimeWait + row.ReusableTimeWait + row.UnprovenTimeWait, row.Source, row.Address, row.Port, "time_wait");
            page.Write(Error, row.Error, row.Source, row.Address, row.Port);
        }

        page.Write(MostElsewhere, reading.MostElsewhere);
        page.Write(Walks, reading.SampledWalks);
    }
}
