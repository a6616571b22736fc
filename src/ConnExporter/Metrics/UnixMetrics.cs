using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>Queues of Unix sockets.</summary>
internal static class UnixMetrics
{
    private static readonly MetricFamily Listeners = MetricFamily.Gauge("conn_unix_listeners", "Unix sockets that listen, of stream and seqpacket.", "netns");

    private static readonly MetricFamily Receivers = MetricFamily.Gauge("conn_unix_receivers", "Unix datagram sockets with a name.", "netns");

    private static readonly MetricFamily DatagramLimit = MetricFamily.Gauge("conn_unix_datagram_queue_limit", "net.unix.max_dgram_qlen: datagrams that a receiver which is made now may have waiting; it holds one more.", "netns");

    private static readonly MetricFamily Queue = MetricFamily.Gauge(
        "conn_unix_listener_queue", "Connections that wait to be accepted at a Unix socket. For listeners where somebody waits, waited within the last minute, or that were seen full for a while.", "netns", "name");

    private static readonly MetricFamily QueueLimit = MetricFamily.Gauge("conn_unix_listener_queue_limit", "Backlog in force, min(listen(), somaxconn). The queue holds one more before it is full.", "netns", "name");

    private static readonly MetricFamily Peak = MetricFamily.Gauge("conn_unix_listener_queue_peak", "Longest queue seen in the last 60 s.", "netns", "name");

    private static readonly MetricFamily FullSeconds = MetricFamily.Counter(
        "conn_unix_listener_full_seconds_total", "Time for which the queue was seen full: between looks that both saw it so. The kernel counts no overflow of a Unix socket.", "netns", "name");

    private static readonly MetricFamily Info = MetricFamily.Gauge("conn_unix_listener_info", "Always 1, with the unit and the process that hold the listener; looked for where its queue is half full.", "netns", "name", "unit", "process");

    private static readonly MetricFamily Unread = MetricFamily.Gauge(
        "conn_unix_receiver_unread_seconds", "For how long every look has seen a datagram that waits at the Unix datagram socket; how many wait the kernel does not tell.", "netns", "name");

    private static readonly MetricFamily Full = MetricFamily.Gauge("conn_unix_receiver_full", "Whether the Unix datagram socket takes no further datagram. Left out where that could not be asked.", "netns", "name");

    public static void Write(ExpositionWriter page, UnixReading reading)
    {
        page.Write(Listeners, (ulong)reading.ListenerCount, reading.Netns);
        page.Write(Receivers, (ulong)reading.ReceiverCount, reading.Netns);
        page.Write(DatagramLimit, reading.DatagramLimit, reading.Netns);
        foreach (UnixReading.ListenerRow row in reading.Listeners)
        {
            page.Write(Queue, row.Queue, reading.Netns, row.Name);
            page.Write(QueueLimit, row.Limit, reading.Netns, row.Name);
            page.Write(Peak, row.Peak, reading.Netns, row.Name);
            page.Write(FullSeconds, row.FullTotal.TotalSeconds, reading.Netns, row.Name);
            if (row.Holding is { Server: { } server })
            {
                page.Write(Info, 1, reading.Netns, row.Name, server.Unit, server.Name);
            }
        }

        foreach (UnixReading.ReceiverRow row in reading.Receivers)
        {
            page.Write(Unread, row.UnreadFor.TotalSeconds, reading.Netns, row.Name);
            if (row.IsFull is { } isFull)
            {
                page.Write(Full, isFull ? 1 : 0, reading.Netns, row.Name);
            }
        }
    }
}
