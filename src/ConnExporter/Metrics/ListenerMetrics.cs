using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>Accept queues and drops of listeners.</summary>
internal static class ListenerMetrics
{
    private static readonly MetricFamily Queue = MetricFamily.Gauge(
        "conn_listener_accept_queue", "Connections that wait to be accepted; of the fullest socket where several share the address (SO_REUSEPORT).", "netns", "address", "port");

    private static readonly MetricFamily Limit = MetricFamily.Gauge(
        "conn_listener_accept_queue_limit", "Backlog in force, min(listen(), somaxconn). The queue holds one more before it overflows.", "netns", "address", "port");

    private static readonly MetricFamily Peak = MetricFamily.Gauge(
        "conn_listener_accept_queue_peak", "Longest accept queue seen in the last 60 s.", "netns", "address", "port");

    private static readonly MetricFamily Drops = MetricFamily.Counter(
        "conn_listener_drops_total", "Increases of sk_drops: connection attempts turned away, mostly because the accept queue was full.", "netns", "address", "port");

    public static void Write(ExpositionWriter page, ListenersReading reading)
    {
        foreach (ListenersReading.Row row in reading.Rows)
        {
            page.Write(Queue, row.Queue, reading.Netns, row.Address, row.Port);
        }

        foreach (ListenersReading.Row row in reading.Rows)
        {
            page.Write(Limit, row.Limit, reading.Netns, row.Address, row.Port);
        }

        foreach (ListenersReading.Row row in reading.Rows)
        {
            page.Write(Peak, row.Peak, reading.Netns, row.Address, row.Port);
        }

        foreach (ListenersReading.Row row in reading.Rows)
        {
            page.Write(Drops, row.Drops, reading.Netns, row.Address, row.Port);
        }
    }
}
