using System.Collections.Immutable;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>What the census saw: destinations, listeners, holders.</summary>
internal static class CensusMetrics
{
    private static readonly MetricFamily Sockets = MetricFamily.Gauge(
        "conn_census_sockets", "TCP sockets that the census saw: inbound came in through a listener, outbound did not. What names holders sums to these.", "netns", "direction");

    private static readonly MetricFamily CountError = MetricFamily.Gauge(
        "conn_census_count_error", "How many sockets a row of the family may be short of, or a key without a row may have unseen; 0 while every key is counted.", "netns", "family");

    private static readonly MetricFamily QueuedBytes = MetricFamily.Gauge(
        "conn_tcp_queued_bytes", "Bytes received and not yet read, or written and not yet acknowledged; listeners left out.", "netns", "direction");

    private static readonly MetricFamily Stalled = MetricFamily.Gauge(
        "conn_tcp_stalled_sockets", "Sockets whose unread bytes have not moved for three walks, or whose peer has closed its window.", "netns", "reason");

    private static readonly MetricFamily CloseWaitOldest = MetricFamily.Gauge(
        "conn_tcp_close_wait_oldest_seconds", "Time since the peer of the oldest CLOSE_WAIT socket sent its last segment. Left out where there is none.", "netns");

    private static readonly MetricFamily Idle = MetricFamily.Gauge(
        "conn_tcp_idle_sockets", "ESTABLISHED sockets without data either way for at least that long (an option of the census).", "netns", "idle");

    private static readonly MetricFamily PortsInUse = MetricFamily.Gauge(
        "conn_ephemeral_ports_in_use", "Distinct local ports of the range that anything holds: the most that bind() can have taken from everybody.", "netns");

    private static readonly MetricFamily PortsBlocked = MetricFamily.Gauge(
        "conn_ephemeral_ports_blocked", "Ports of the range known to be closed to every connect(): listeners, and on Linux 6.8 and newer sockets bound without a connection.", "netns");

    private static readonly MetricFamily DestinationPorts = MetricFamily.Gauge(
        "conn_ephemeral_destination_ports", "Ports of the range that connections from a source to a destination hold, by kind; connect() may take over reusable ones, unproven ones perhaps.", "netns", "source", "destination", "port", "kind");

    private static readonly MetricFamily WorstDestination = MetricFamily.Gauge(
        "conn_ephemeral_worst_destination_ports", "Ports that are proven to be taken for the worst destination: its own, the blocked ones, and those that the kernel refused.", "netns");

    private static readonly MetricFamily PortFound = MetricFamily.Gauge(
        "conn_ephemeral_port_found", "Whether connect() found a port when the kernel was asked, for a destination that nobody is connected to: 0 is EADDRNOTAVAIL for everybody. Left out where it was not asked.", "netns");

    private static readonly MetricFamily PortProbes = MetricFamily.Counter(
        "conn_ephemeral_port_probes_total", "Questions for a port that this program put to the kernel, by answer; none moves no counter, each other one conn_tcp_active_opens_total and as a rule conn_tcp_attempt_fails_total.", "netns", "answer");

    private static readonly MetricFamily SynQueue = MetricFamily.Gauge(
        "conn_listener_syn_queue", "Request sockets of the listener: handshakes that wait for their last segment.", "netns", "address", "port");

    private static readonly MetricFamily ListenerSockets = MetricFamily.Gauge(
        "conn_listener_sockets", "Connections that came in through the listener, by state.", "netns", "address", "port", "state");

    private static readonly MetricFamily ListenerInfo = MetricFamily.Gauge(
        "conn_listener_info", "Always 1, with the unit and the process that hold the listener.", "netns", "address", "port", "unit", "process");

    private static readonly MetricFamily UnitSockets = MetricFamily.Gauge(
        "conn_unit_sockets", "Sockets by systemd unit or container, and state; none for those without an owner, TIME_WAIT above all.", "netns", "unit", "state");

    private static readonly MetricFamily RemoteSockets = MetricFamily.Gauge(
        "conn_remote_sockets", "Sockets by peer and direction.", "netns", "remote", "direction");

    private static readonly MetricFamily RemotePortSockets = MetricFamily.Gauge(
        "conn_remote_port_sockets", "Outbound sockets by destination port and state.", "netns", "port", "state");

    private static readonly MetricFamily ProcessSockets = MetricFamily.Gauge(
        "conn_process_sockets", "Sockets by the process that holds them, as far as the attribution covers them.", "process", "unit", "state");

    private static readonly MetricFamily ProcessCovered = MetricFamily.Gauge(
        "conn_process_sockets_covered_ratio", "Share of the sockets with an owner whose process is known.");

    private static readonly MetricFamily DestinationSightings = MetricFamily.Gauge(
        "conn_ephemeral_destination_sightings", "Connections to a destination short of ports that were caught while they lived, by who made them.", "netns", "destination", "port", "unit", "process");

    public static void Write(ExpositionWriter page, CensusReading reading)
    {
        WriteCounts(page, reading);
        WriteHolders(page, reading);
    }

    /// <summary>Writes the worst destination alone: what is left of a namespace among very many.</summary>
    public static void WriteWorst(ExpositionWriter page, string netns, ulong? worst) => page.Write(WorstDestination, worst, netns);

    /// <summary>Writes what does not name holders within the host.</summary>
    public static void WriteCounts(ExpositionWriter page, CensusReading reading)
    {
        page.Write(Sockets, reading.Inbound, reading.Namespace, "inbound");
        page.Write(Sockets, reading.Outbound, reading.Namespace, "outbound");
        page.Write(Sockets, reading.Listening, reading.Namespace, "listen");
        page.Write(QueuedBytes, reading.ReceivedBytes, reading.Namespace, "receive");
        page.Write(QueuedBytes, reading.SentBytes, reading.Namespace, "send");
        page.Write(Stalled, reading.NotReading, reading.Namespace, "application_not_reading");
        page.Write(Stalled, reading.ZeroWindow, reading.Namespace, "peer_not_reading");
        if (reading.OldestCloseWait is { } age)
        {
            page.Write(CloseWaitOldest, age.TotalSeconds, reading.Namespace);
        }

        if (reading.IdleSockets is { } idle)
        {
            page.Write(Idle, idle.Minute, reading.Namespace, "1m");
            page.Write(Idle, idle.TenMinutes, reading.Namespace, "10m");
            page.Write(Idle, idle.Hour, reading.Namespace, "1h");
        }

        page.Write(PortsInUse, reading.InUse, reading.Namespace);
        page.Write(PortsBlocked, reading.Blocked, reading.Namespace);
        WriteWorst(page, reading.Namespace, reading.Worst);
        foreach (CensusReading.DestinationRow row in reading.Destinations)
        {
            page.Write(DestinationPorts, row.Live, reading.Namespace, row.Source, row.Address, row.Port, "live");
            page.Write(DestinationPorts, row.TimeWait, reading.Namespace, row.Source, row.Address, row.Port, "time_wait");
            page.Write(DestinationPorts, row.ReusableTimeWait, reading.Namespace, row.Source, row.Address, row.Port, "reusable_time_wait");
            page.Write(DestinationPorts, row.UnprovenTimeWait, reading.Namespace, row.Source, row.Address, row.Port, "unproven_time_wait");
        }

        if (reading.Anybody != PortAnswer.Unknown)
        {
            page.Write(PortFound, reading.Anybody == PortAnswer.Found ? 1 : 0, reading.Namespace);
        }

        if (reading.Probes is { } probes)
        {
            page.Write(PortProbes, probes[(int)PortAnswer.Found], reading.Namespace, "found");
            page.Write(PortProbes, probes[(int)PortAnswer.None], reading.Namespace, "none");
            page.Write(PortProbes, probes[(int)PortAnswer.Unknown], reading.Namespace, "unknown");
        }
    }

    private static void WriteHolders(ExpositionWriter page, CensusReading reading)
    {
        foreach (CensusReading.ListenerRow row in reading.Listeners)
        {
            page.Write(SynQueue, row.SynQueue, reading.Namespace, row.Address, row.Port);
            page.Write(ListenerSockets, row.Established, reading.Namespace, row.Address, row.Port, "established");
            page.Write(ListenerSockets, row.CloseWait, reading.Namespace, row.Address, row.Port, "close_wait");
            page.Write(ListenerSockets, row.Other, reading.Namespace, row.Address, row.Port, "other");
            page.Write(ListenerInfo, 1, reading.Namespace, row.Address, row.Port, row.Unit, row.Process);
        }

        foreach (CensusReading.SightingRow row in reading.Sightings)
        {
            page.Write(DestinationSightings, row.Count, reading.Namespace, row.Address, row.Port, row.Unit, row.Process);
        }

        WriteStates(page, UnitSockets, reading.Namespace, reading.Units);
        foreach (CensusReading.ProcessRow row in reading.Processes)
        {
            foreach ((TcpState state, string label) in Labels.States)
            {
                page.Write(ProcessSockets, row.States[(int)state], row.Process, row.Unit, label);
            }
        }

        if (reading.Covered is { } covered)
        {
            page.Write(ProcessCovered, covered);
        }

        foreach (CensusReading.RemoteRow row in reading.Remotes)
        {
            page.Write(RemoteSockets, row.Inbound, reading.Namespace, row.Remote, "inbound");
            page.Write(RemoteSockets, row.Outbound, reading.Namespace, row.Remote, "outbound");
        }

        WriteStates(page, RemotePortSockets, reading.Namespace, reading.RemotePorts);
        foreach ((string family, ulong error) in reading.Errors)
        {
            page.Write(CountError, error, reading.Namespace, family);
        }
    }

    private static void WriteStates(ExpositionWriter page, MetricFamily family, string netns, ImmutableArray<CensusReading.StateRow> rows)
    {
        foreach (CensusReading.StateRow row in rows)
        {
            foreach ((TcpState state, string label) in Labels.States)
            {
                page.Write(family, row.States[(int)state], netns, row.Key, label);
            }
        }
    }
}
