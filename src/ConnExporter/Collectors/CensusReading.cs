using System.Collections.Immutable;
using ConnExporter.Census;
using ConnExporter.Holders;
using ConnExporter.Kernel;
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

    public required string Namespace { get; init; }

    /// <summary>Sockets by state, in the kernel's numbers; without those that only hold a port.</summary>
    public ImmutableArray<ulong> States { get; init; } = [];

    /// <summary>Whether it was made from /proc/net/tcp and tcp6: without cgroups, bound sockets and ages.</summary>
    public bool IsFromTables { get; init; }

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

    /// <summary>Ports that the kernel refused when it was asked for them one by one.</summary>
    public ulong Refused { get; init; }

    /// <summary>Whether connect() finds a port for a destination that nobody is connected to, as the kernel said.</summary>
    public PortAnswer Anybody { get; init; }

    /// <summary>How long TIME_WAIT lasts in this network namespace; null where it was not read.</summary>
    public TimeSpan? TimeWaitLength { get; init; }

    /// <summary>Questions to the kernel since the start, by <see cref="PortAnswer"/>; null where it is not to be asked.</summary>
    public ImmutableArray<ulong>? Probes { get; init; }

    /// <summary>Of these, attempts that got no answer: the kernel counted them as opened and not as failed.</summary>
    public ulong UnansweredProbes { get; init; }

    public required ulong Worst { get; init; }

    public required ImmutableArray<DestinationRow> Destinations { get; init; }

    public required ImmutableArray<ListenerRow> Listeners { get; init; }

    public required ImmutableArray<StateRow> Units { get; init; }

    public required ImmutableArray<ProcessRow> Processes { get; init; }

    /// <summary>Whether every process of this network namespace, and every other that may be read, has been read: a socket without a holder has no descriptor there. Null where processes are not looked for.</summary>
    public bool? IsAttributionComplete { get; init; }

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
    public static void WriteWorst(ExpositionWriter page, string netns, ulong? worst) => page.Write(WorstDestination, worst, netns);

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
        WriteWorst(page, Namespace, Worst);
        foreach (DestinationRow row in Destinations)
        {
            page.Write(DestinationPorts, row.Live, Namespace, row.Source, row.Address, row.Port, "live");
            page.Write(DestinationPorts, row.TimeWait, Namespace, row.Source, row.Address, row.Port, "time_wait");
            page.Write(DestinationPorts, row.ReusableTimeWait, Namespace, row.Source, row.Address, row.Port, "reusable_time_wait");
            page.Write(DestinationPorts, row.UnprovenTimeWait, Namespace, row.Source, row.Address, row.Port, "unproven_time_wait");
        }

        if (Anybody != PortAnswer.Unknown)
        {
            page.Write(PortFound, Anybody == PortAnswer.Found ? 1 : 0, Namespace);
        }

        if (Probes is { } probes)
        {
            page.Write(PortProbes, probes[(int)PortAnswer.Found], Namespace, "found");
            page.Write(PortProbes, probes[(int)PortAnswer.None], Namespace, "none");
            page.Write(PortProbes, probes[(int)PortAnswer.Unknown], Namespace, "unknown");
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
    /// <param name="Source">From which address.</param>
    /// <param name="Address">To which address.</param>
    /// <param name="Port">And port.</param>
    /// <param name="Live">Ports that connections hold.</param>
    /// <param name="TimeWait">Ports that TIME_WAIT holds: connect() cannot take them over.</param>
    /// <param name="ReusableTimeWait">TIME_WAIT whose connections had timestamps: connect() may take it over where the port did not come from bind().</param>
    internal sealed record DestinationRow(string Source, string Address, string Port, ulong Live, ulong TimeWait, ulong ReusableTimeWait)
    {
        /// <summary>TIME_WAIT that connect() may take over or not: nothing shows whether its connections had timestamps.</summary>
        public ulong UnprovenTimeWait { get; init; }

        /// <summary>Ports that it does not hold and of which the kernel said that they are closed to every connect().</summary>
        public ulong BoundElsewhere { get; init; }

        /// <summary>Ports in use that it does not hold and that bind() may have taken from it.</summary>
        public ulong MayBeBound { get; init; }

        /// <summary>How many of these that is likely of; null where nothing tells.</summary>
        public ulong? LikelyBound { get; init; }

        /// <summary>Whether connect() finds a port, as far as the kernel was asked.</summary>
        public PortAnswer Room { get; init; }

        /// <summary>Whether connect() may pass over a port that is free: an end of a range of an odd number.</summary>
        public bool MayPassOver { get; init; }

        /// <summary>Ports that are proven to be taken.</summary>
        /// <param name="blocked">Ports known to be closed to everybody.</param>
        /// <param name="usable">Ports that there are.</param>
        public ulong Taken(int blocked, int usable) => Room == PortAnswer.None ? (ulong)usable : Math.Min((ulong)usable, Live + TimeWait + BoundElsewhere + (ulong)blocked);
    }

    /// <summary>One listening address and port.</summary>
    internal sealed record ListenerRow(string Address, string Port, string Unit, string Process, ulong SynQueue, ulong Established, ulong CloseWait, ulong Other, Owner? Owner)
    {
        /// <summary>Handshakes of the SYN queue whose SYN-ACK had to be sent again.</summary>
        public ulong Unanswered { get; init; }

        /// <summary>Connections that nobody has accepted yet, in ESTABLISHED and CLOSE_WAIT.</summary>
        public ulong Unaccepted { get; init; }

        /// <summary>Those of them in CLOSE_WAIT: the peer has left before anybody accepted it.</summary>
        public ulong UnacceptedCloseWait { get; init; }

        /// <summary>Accepted connections in CLOSE_WAIT of which no holder is known.</summary>
        public ulong OwnerlessCloseWait { get; init; }

        /// <summary>Who holds it and who serves it; null where no holder is known.</summary>
        public ListenerHolding? Holding { get; init; }
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
