using System.Collections.Immutable;
using ConnExporter.Census;
using ConnExporter.Holders;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>What one census saw, aggregated: totals, ports by destination, and who holds the sockets.</summary>
internal sealed class CensusReading : Reading
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
        "conn_ephemeral_destination_ports", "Ports of the range that connections from a source to a destination hold, by kind; reusable ones are free for connect().", "netns", "source", "destination", "port", "kind");

    private static readonly MetricFamily WorstDestination = MetricFamily.Gauge(
        "conn_ephemeral_worst_destination_ports", "Ports that the worst destination holds for good, and the blocked ones: at least this many of the usable ones are gone there.", "netns");

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

    public required string Namespace { get; init; }

    public required ulong Inbound { get; init; }

    public required ulong Outbound { get; init; }

    public required ulong Listening { get; init; }

    public required ulong ReceivedBytes { get; init; }

    public required ulong SentBytes { get; init; }

    public required ulong NotReading { get; init; }

    public required ulong ZeroWindow { get; init; }

    /// <summary>Null where no socket is in CLOSE_WAIT, or its age could not be asked for.</summary>
    public TimeSpan? OldestCloseWait { get; init; }

    /// <summary>Sockets idle for a minute, ten minutes, an hour; null where the option is off.</summary>
    public (ulong Minute, ulong TenMinutes, ulong Hour)? IdleSockets { get; init; }

    /// <summary>How old the CLOSE_WAIT sockets are; null where there is none, or their age could not be asked for.</summary>
    public AgeCounts? CloseWaitAges { get; init; }

    /// <summary>ESTABLISHED sockets that a process holds and does not read from.</summary>
    public ulong Unread { get; init; }

    /// <summary>Connections whose SYN had to be sent again; null where they were not counted.</summary>
    public UnansweredConnects? Unanswered { get; init; }

    /// <summary>The processes that hold the most sockets of each kind, the biggest first; empty where processes are not looked for.</summary>
    public ImmutableArray<HolderRow> Holders { get; init; } = [];

    /// <summary>The names of which the most processes have connections made from here.</summary>
    public ImmutableArray<ConnectingRow> Connecting { get; init; } = [];

    public required ulong InUse { get; init; }

    public required ulong Blocked { get; init; }

    public required ulong Worst { get; init; }

    public required ImmutableArray<DestinationRow> Destinations { get; init; }

    public required ImmutableArray<ListenerRow> Listeners { get; init; }

    public required ImmutableArray<StateRow> Units { get; init; }

    public required ImmutableArray<ProcessRow> Processes { get; init; }

    /// <summary>Share of the sockets with an owner whose process is known; null where processes are not looked for.</summary>
    public required double? Covered { get; init; }

    /// <summary>Who was seen to connect to the destination that runs short of ports; empty while none does.</summary>
    public required ImmutableArray<SightingRow> Sightings { get; init; }

    public required ImmutableArray<RemoteRow> Remotes { get; init; }

    public required ImmutableArray<StateRow> RemotePorts { get; init; }

    /// <summary>The bound of the error of each family that counts by key.</summary>
    public required ImmutableArray<(string Family, ulong Error)> Errors { get; init; }

    public override void Write(ExpositionWriter page)
    {
        WriteCounts(page);
        WriteHolders(page);
    }

    /// <summary>Writes the worst destination alone: what is left of a namespace among very many.</summary>
    public void WriteWorst(ExpositionWriter page) => page.Write(WorstDestination, Worst, Namespace);

    /// <summary>Writes what does not name holders within the host.</summary>
    public void WriteCounts(ExpositionWriter page)
    {
        page.Write(Sockets, Inbound, Namespace, "inbound");
        page.Write(Sockets, Outbound, Namespace, "outbound");
        page.Write(Sockets, Listening, Namespace, "listen");
        page.Write(QueuedBytes, ReceivedBytes, Namespace, "receive");
        page.Write(QueuedBytes, SentBytes, Namespace, "send");
        page.Write(Stalled, NotReading, Namespace, "application_not_reading");
        page.Write(Stalled, ZeroWindow, Namespace, "peer_not_reading");
        if (OldestCloseWait is { } age)
        {
            page.Write(CloseWaitOldest, age.TotalSeconds, Namespace);
        }

        if (IdleSockets is { } idle)
        {
            page.Write(Idle, idle.Minute, Namespace, "1m");
            page.Write(Idle, idle.TenMinutes, Namespace, "10m");
            page.Write(Idle, idle.Hour, Namespace, "1h");
        }

        page.Write(PortsInUse, InUse, Namespace);
        page.Write(PortsBlocked, Blocked, Namespace);
        WriteWorst(page);
        foreach (DestinationRow row in Destinations)
        {
            page.Write(DestinationPorts, row.Live, Namespace, row.Source, row.Address, row.Port, "live");
            page.Write(DestinationPorts, row.TimeWait, Namespace, row.Source, row.Address, row.Port, "time_wait");
            page.Write(DestinationPorts, row.ReusableTimeWait, Namespace, row.Source, row.Address, row.Port, "reusable_time_wait");
        }
    }

    private void WriteHolders(ExpositionWriter page)
    {
        foreach (ListenerRow row in Listeners)
        {
            page.Write(SynQueue, row.SynQueue, Namespace, row.Address, row.Port);
            page.Write(ListenerSockets, row.Established, Namespace, row.Address, row.Port, "established");
            page.Write(ListenerSockets, row.CloseWait, Namespace, row.Address, row.Port, "close_wait");
            page.Write(ListenerSockets, row.Other, Namespace, row.Address, row.Port, "other");
            page.Write(ListenerInfo, 1, Namespace, row.Address, row.Port, row.Unit, row.Process);
        }

        foreach (SightingRow row in Sightings)
        {
            page.Write(DestinationSightings, row.Count, Namespace, row.Address, row.Port, row.Unit, row.Process);
        }

        WriteStates(page, UnitSockets, Units);
        foreach (ProcessRow row in Processes)
        {
            foreach ((Kernel.Netlink.TcpState state, string label) in Labels.States)
            {
                page.Write(ProcessSockets, row.States[(int)state], row.Process, row.Unit, label);
            }
        }

        if (Covered is { } covered)
        {
            page.Write(ProcessCovered, covered);
        }

        foreach (RemoteRow row in Remotes)
        {
            page.Write(RemoteSockets, row.Inbound, Namespace, row.Remote, "inbound");
            page.Write(RemoteSockets, row.Outbound, Namespace, row.Remote, "outbound");
        }

        WriteStates(page, RemotePortSockets, RemotePorts);
        foreach ((string family, ulong error) in Errors)
        {
            page.Write(CountError, error, Namespace, family);
        }
    }

    private void WriteStates(ExpositionWriter page, MetricFamily family, ImmutableArray<StateRow> rows)
    {
        foreach (StateRow row in rows)
        {
            foreach ((Kernel.Netlink.TcpState state, string label) in Labels.States)
            {
                page.Write(family, row.States[(int)state], Namespace, row.Key, label);
            }
        }
    }

    /// <summary>Ports towards one destination.</summary>
    internal sealed record DestinationRow(string Source, string Address, string Port, ulong Live, ulong TimeWait, ulong ReusableTimeWait);

    /// <summary>One listening address and port.</summary>
    internal sealed record ListenerRow(string Address, string Port, string Unit, string Process, ulong SynQueue, ulong Established, ulong CloseWait, ulong Other, Owner? Owner)
    {
        /// <summary>Handshakes of the SYN queue whose SYN-ACK had to be sent again.</summary>
        public ulong Unanswered { get; init; }
    }

    /// <summary>Sockets of one key by state, in the kernel's numbers.</summary>
    internal sealed record StateRow(string Key, ulong[] States);

    /// <summary>Sockets of one process name and unit by state.</summary>
    internal sealed record ProcessRow(string Process, string Unit, ulong[] States);

    /// <summary>Connections of one holder that were caught.</summary>
    internal sealed record SightingRow(string Address, string Port, string Unit, string Process, ulong Count, Owner? Owner);

    /// <summary>Connections that nobody answers.</summary>
    /// <param name="Sockets">All of them.</param>
    /// <param name="Destinations">Addresses and ports that they are meant for; the least there can be where there were too many to count.</param>
    /// <param name="Rows">The destinations with the most.</param>
    internal sealed record UnansweredConnects(ulong Sockets, int Destinations, ImmutableArray<UnansweredRow> Rows);

    /// <summary>Connections to one destination that nobody answers.</summary>
    internal sealed record UnansweredRow(string Address, string Port, ulong Count);

    /// <summary>Sockets of a kind that one process holds.</summary>
    /// <param name="Kind">The kind.</param>
    /// <param name="Owner">The process.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Oldest">The age of the oldest; of CLOSE_WAIT only.</param>
    internal sealed record HolderRow(HeldSockets Kind, Owner Owner, ulong Count, TimeSpan? Oldest);

    /// <summary>Processes of one name and unit with connections made from here.</summary>
    /// <param name="Process">The name.</param>
    /// <param name="Unit">The unit.</param>
    /// <param name="Processes">How many of them.</param>
    /// <param name="Sockets">Their connections together.</param>
    /// <param name="First">The one that started first.</param>
    internal sealed record ConnectingRow(string Process, string Unit, int Processes, ulong Sockets, Owner First);

    /// <summary>Sockets of one peer.</summary>
    internal sealed record RemoteRow(string Remote, ulong Inbound, ulong Outbound);
}
