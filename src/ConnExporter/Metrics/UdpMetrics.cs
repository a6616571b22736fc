using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>UDP: sockets, ports, holders, drops and counters.</summary>
internal static class UdpMetrics
{
    private static readonly MetricFamily Sockets = MetricFamily.Gauge("conn_udp_sockets", "UDP sockets that have a port, by family of the socket and whether they have a peer.", "netns", "family", "state");

    private static readonly MetricFamily PortsInUse = MetricFamily.Gauge(
        "conn_udp_ports_in_use", "Usable ports of the range that are taken from UDP sockets which bind to the address; 0.0.0.0 and :: are those that choose none. The limit is conn_ephemeral_ports_usable.", "netns", "address");

    private static readonly MetricFamily DestinationSockets = MetricFamily.Gauge("conn_udp_destination_sockets", "UDP sockets that are connected to the destination.", "netns", "destination", "port");

    private static readonly MetricFamily UnitSockets = MetricFamily.Gauge("conn_udp_unit_sockets", "UDP sockets by systemd unit or container.", "netns", "unit");

    private static readonly MetricFamily ProcessPorts = MetricFamily.Gauge(
        "conn_udp_process_port_sockets", "UDP sockets on usable ports of the range by the process that holds them; looked for from a tenth of the ports on, and where datagrams are dropped.", "process", "unit");

    private static readonly MetricFamily Queue = MetricFamily.Gauge(
        "conn_udp_receive_queue_bytes", "Memory of what the fullest UDP socket of that address and port has received and nobody has read. For sockets that have dropped datagrams or are half full.", "netns", "address", "port");

    private static readonly MetricFamily QueueLimit = MetricFamily.Gauge("conn_udp_receive_queue_limit_bytes", "The receive buffer of that socket (SO_RCVBUF).", "netns", "address", "port");

    private static readonly MetricFamily Drops = MetricFamily.Counter(
        "conn_udp_socket_drops_total", "Increases of sk_drops of UDP sockets: datagrams that found no room in the receive buffer, or whose checksum was wrong.", "netns", "address", "port");

    private static readonly MetricFamily Datagrams = MetricFamily.Counter("conn_udp_datagrams_total", "UDP datagrams delivered to sockets, and sent.", "netns", "family", "direction");

    private static readonly MetricFamily Errors = MetricFamily.Counter(
        "conn_udp_errors_total",
        "UDP datagrams lost: no room in the receive buffer or the send buffer, a wrong checksum, no memory (udp_mem), no socket on the port.",
        "netns",
        "family",
        "reason");

    private static readonly MetricFamily Memory = MetricFamily.Gauge("conn_udp_memory_bytes", "Memory that UDP's buffers hold on the whole host.");

    private static readonly MetricFamily MemoryLimit = MetricFamily.Gauge("conn_udp_memory_limit_bytes", "Its limit, the third number of net.ipv4.udp_mem.");

    // By the kernel's name.
    private static readonly Dictionary<string, (MetricFamily Family, string Label)> Counters = new(StringComparer.Ordinal)
    {
        ["InDatagrams"] = (Datagrams, "received"),
        ["OutDatagrams"] = (Datagrams, "sent"),
        ["NoPorts"] = (Errors, "no_socket"),
        ["RcvbufErrors"] = (Errors, "receive_buffer"),
        ["SndbufErrors"] = (Errors, "send_buffer"),
        ["InCsumErrors"] = (Errors, "checksum"),
        ["MemErrors"] = (Errors, "memory"),
    };

    public static void Write(ExpositionWriter page, UdpReading reading)
    {
        WriteCounts(page, reading);
        foreach (UdpReading.UnitRow row in reading.Units)
        {
            page.Write(UnitSockets, row.Sockets, reading.Netns, row.Unit);
        }

        foreach (IGrouping<(string, string), UdpReading.HolderRow> group in reading.Holders.GroupBy(row => (row.Owner.Name, row.Owner.Unit)))
        {
            page.Write(ProcessPorts, group.Aggregate(0ul, (sum, row) => sum + row.Sockets), group.Key.Item1, group.Key.Item2);
        }

        if (reading.Counters.MemoryPages is { } pages)
        {
            page.Write(Memory, pages * (double)SystemClock.PageSize);
        }

        if (reading.Counters.MemoryLimits is { } limits)
        {
            page.Write(MemoryLimit, limits.LimitPages * (double)SystemClock.PageSize);
        }
    }

    /// <summary>Writes what does not name holders within the host, and is not the whole host's.</summary>
    public static void WriteCounts(ExpositionWriter page, UdpReading reading)
    {
        for (int family = 0; family < UdpReading.Families; family++)
        {
            for (int state = 0; state < UdpReading.States; state++)
            {
                page.Write(Sockets, reading[family, state], reading.Netns, UdpReading.FamilyLabels[family], UdpReading.StateLabels[state]);
            }
        }

        foreach (UdpPortUse row in reading.Ports)
        {
            page.Write(PortsInUse, row.InUse, reading.Netns, row.Address);
        }

        foreach (UdpReading.DestinationRow row in reading.Destinations)
        {
            page.Write(DestinationSockets, row.Sockets, reading.Netns, row.Address, row.Port);
        }

        foreach (UdpReading.ReceiverRow row in reading.Receivers)
        {
            page.Write(Queue, row.Queue, reading.Netns, row.Address, row.Port);
            page.Write(QueueLimit, row.Limit, reading.Netns, row.Address, row.Port);
            page.Write(Drops, row.Drops, reading.Netns, row.Address, row.Port);
        }

        foreach ((string family, string name, ulong? value) in reading.Counters.All)
        {
            (MetricFamily counter, string label) = Counters[name];
            page.Write(counter, value, reading.Netns, family, label);
        }
    }
}
