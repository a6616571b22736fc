using System.Collections.Immutable;
using ConnExporter.Kernel.Probes;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>What one census saw, aggregated: totals, ports by destination, and who holds the sockets.</summary>
internal sealed class CensusReading : Reading
{
    public required string Namespace { get; init; }

    /// <summary>Sockets by state, in the kernel's numbers; without those that only hold a port.</summary>
    public ImmutableArray<ulong> States { get; init; } = [];

    /// <summary>Whether it was made from /proc/net/tcp and tcp6: without cgroups, bound sockets and ages.</summary>
    public bool IsFromTables { get; init; }

    /// <summary><c>Tcp: ActiveOpens</c> before the walk began; null where it was not read.</summary>
    public ulong? ActiveOpens { get; init; }

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

    /// <summary>Ports towards one destination.</summary>
    /// <param name="Source">From which address.</param>
    /// <param name="Address">To which address.</param>
    /// <param name="Port">And port.</param>
    /// <param name="Live">Ports that connections hold.</param>
    /// <param name="TimeWait">Ports that TIME_WAIT holds: connect() cannot take them over.</param>
    /// <param name="ReusableTimeWait">TIME_WAIT whose connections had timestamps: connect() may take it over where the port did not come from bind().</param>
    internal sealed record DestinationRow(string Source, string Address, string Port, ulong Live, ulong TimeWait, ulong ReusableTimeWait)
    {
        /// <summary>The two ends, to ask for single sockets between them; of the row of all others nothing.</summary>
        public Destination Key { get; init; }

        /// <summary>The interface that its sockets are bound to; 0 for none.</summary>
        public uint Interface { get; init; }

        /// <summary>Whether its connections have timestamps; null where nothing shows it.</summary>
        public bool? HaveTimestamps { get; init; }

        /// <summary>By how many ports the numbers may be off: 0 where every port was counted.</summary>
        public ulong Error { get; init; }

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
