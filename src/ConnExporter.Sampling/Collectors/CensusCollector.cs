using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Counting;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>One full walk over the sockets: ephemeral ports by destination, sockets by listener, unit, peer and port, queues and stalls.</summary>
internal sealed class CensusCollector : Collector
{
    // Sockets that are bound and not connected stay for long, and to be shown them the kernel walks another table: an eighth of the whole cost.
    private const int WalksPerBound = 4;
    private const uint SocketsPerSign = 1024;
    private static readonly SockDiagRequest Everything = new(SockDiagRequest.AllStates);
    private static readonly SockDiagRequest EverythingAndBound = new(SockDiagRequest.AllStates | SockDiagRequest.BoundInactive);
    private static readonly SockDiagRequest CloseWaitAges = new(SockDiagRequest.Bit(TcpState.CloseWait), SockDiagRequest.Info);
    private static readonly SockDiagRequest IdleAges = new(SockDiagRequest.Bit(TcpState.Established), SockDiagRequest.Info);
    private static readonly TimeSpan DefaultReuseDelay = TimeSpan.FromSeconds(1);

    // Rows of what is for the diagnosis only.
    private const int Biggest = 5;
    private static readonly ImmutableArray<HeldSockets> Kinds = [.. Enum.GetValues<HeldSockets>()];

    // A destination that holds this share of the usable ports may soon be short of them.
    private const double ShortOfPorts = 0.5;

    // Destinations whose living sockets are asked for timestamps in one census: a walk over the kernel's table each.
    private const int MostTimestampQuestions = 3;
    private static readonly TimeSpan WatchAgainAfter = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan WatchCost = TimeSpan.FromMilliseconds(100);

    private readonly KernelSource kernel;
    private readonly CensusOptions options;
    private readonly SocketCensus census;
    private readonly ProcFile range;
    private readonly ProcFile reserved;
    private readonly ProcFile reuse;
    private readonly ProcFile reuseDelay;
    private readonly ProcFile timestamps;
    private readonly ProcFile timeWaitLength;
    private readonly CgroupTree cgroups;
    private readonly TopRows<Destination> topDestinations;
    private readonly TopRows<Remote> topRemotes;
    private readonly TopRows<RemotePort> topRemotePorts;
    private readonly SocketHolders? holders;
    private readonly TimeWaitOwners? timeWaitOwners;
    private readonly NamedStates<string> units;
    private readonly NamedStates<ProcessName> processes;
    private readonly SocketSource sockets;
    private readonly PortInquiry inquiry = new();
    private PeerTimestamps peerTimestamps = new();
    private PortSet? reservedPorts;
    private byte[] reservedText = [];
    private int walks;
    private Destination? watched;
    private long watchedAt;
    private ImmutableArray<CensusReading.SightingRow> sightings = [];

    /// <summary>A census of the network namespace that the kernel is read in.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="options">What to count and show.</param>
    /// <param name="names">Whether to find the processes that hold the sockets; without it a walk costs half and keeps nothing open.</param>
    public CensusCollector(KernelSource kernel, CensusOptions options, bool names = true)
    {
        this.kernel = kernel;
        this.options = options;
        census = new SocketCensus(options);
        sockets = new SocketSource(kernel);
        range = kernel.Proc.File("sys/net/ipv4/ip_local_port_range");
        reuse = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse");
        reuseDelay = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse_delay");
        timestamps = kernel.Proc.File("sys/net/ipv4/tcp_timestamps");
        timeWaitLength = kernel.Proc.File("sys/net/ipv4/tcp_tw_timeout");
        reserved = kernel.Proc.File("sys/net/ipv4/ip_local_reserved_ports");
        cgroups = new CgroupTree(kernel.Proc, kernel.SysRoot, kernel.Pods);
        holders = names ? new SocketHolders(new SocketOwners(kernel, cgroups)) : null;
        timeWaitOwners = names ? new TimeWaitOwners(kernel, cgroups) : null;
        topDestinations = new TopRows<Destination>(options.Destinations, EphemeralPorts.Kinds, ranked: EphemeralPorts.ReusableTimeWait);
        topRemotes = new TopRows<Remote>(options.Top, SocketCensus.Directions);
        topRemotePorts = new TopRows<RemotePort>(options.Top, TcpTable.StateCount);
        units = new NamedStates<string>(options.Top);
        processes = new NamedStates<ProcessName>(options.Top);
    }

    public override Reading Collect(CollectContext context) => Collect(context, walks % WalksPerBound == 0);

    /// <summary>A census of the one of many network namespaces that the calling thread is in.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="memory">What is remembered of it from one census to the next.</param>
    public CensusReading Collect(CollectContext context, CensusMemory memory)
    {
        census.Stalled = memory.Stalled;
        peerTimestamps = memory.Timestamps;
        inquiry.Answers = memory.Answers;
        topDestinations.Restore(memory.Destinations);

        // No walk may stand for another's: the sockets that are bound and not connected are asked for each time.
        CensusReading reading = Collect(context, withBound: true);
        memory.Destinations = topDestinations.Keys.ToArray();
        return reading;
    }

    private CensusReading Collect(CollectContext context, bool withBound)
    {
        var ports = PortRange.Parse(range.Path, range.Read());
        PortSet? excluded = context.PartOf(ReadReserved);
        TimeWaitReuse timeWaitReuse = ReadReuse();
        Walk(context, ports, excluded, timeWaitReuse, withBound);

        // The first walk knows no process yet: it only tells where to look.
        if (walks++ == 0 && holders is not null)
        {
            ImproveHolders(context);
            Walk(context, ports, excluded, timeWaitReuse, withBound);
        }

        AgeCounts? ages = census.Totals.CloseWait > 0 ? sockets.AskSockDiag(AgesOfCloseWait) : null;
        (ulong, ulong, ulong)? idle = options.IdleAges && sockets.Missing is null ? sockets.AskSockDiag(CountIdle) : null;
        CensusReading reading = Read(context, ages, idle);
        if (!options.AllAtOnce)
        {
            ImproveHolders(context);
        }

        NoteUnseen(context);
        return reading;
    }

    // Which process holds a listener is asked of all; who else does, where it matters: where connections wait.
    private void ImproveHolders(CollectContext context)
    {
        uint[] troubled =
        [
            .. census.Listeners.All
                .Where(listener => listener.IsTroubled || (options.AllAtOnce && listener.Unaccepted > 0))
                .OrderByDescending(listener => listener.Fullness).ThenByDescending(listener => listener.UnacceptedCloseWait)
                .Select(listener => listener.TellingInode),
        ];
        holders?.Improve(troubled, options.AllAtOnce, context.Answered);
    }

    public override void Close()
    {
        sockets.Dispose();
        range.Dispose();
        reuse.Dispose();
        reuseDelay.Dispose();
        timestamps.Dispose();
        timeWaitLength.Dispose();
        reserved.Dispose();
        holders?.Dispose();
        timeWaitOwners?.Dispose();
        cgroups.Dispose();
    }

    private void NoteUnseen(CollectContext context)
    {
        OwnerCoverage? coverage = holders?.Coverage;
        context.Note(
            sockets.Missing is { } missing ? $"{missing}; reading {kernel.Proc.NetPathOf("tcp")} and tcp6 instead, which show no cgroups, no sockets that are bound without a connection and no ages of CLOSE_WAIT"
            : coverage is { Denied: > 0 } && holders!.Covered < holders.Held ? $"the sockets of some processes cannot be named, see conn_process_sockets_covered_ratio; reading their descriptors {Explain(coverage.MissingCapabilities)}"
            : holders?.NotFollowed > 0 ? $"of some listeners in trouble only one holder is looked for: more than {SharedSockets.Bound} at once"
            : census.Stalled.Overlooked > 0 ? $"some sockets with unread bytes are not followed: more than {census.Stalled.Bound} at once"
            : null);
    }

    private string Explain(string capabilities) => capabilities.Length == 0
        ? "was refused"
        : Capabilities.Explain(Capabilities.Effective(kernel.Proc), capabilities.Split(", "));

    private void Walk(CollectContext context, PortRange ports, PortSet? excluded, TimeWaitReuse timeWaitReuse, bool withBound)
    {
        sockets.Ask(
            context,
            socket =>
            {
                Begin(ports, excluded, timeWaitReuse, withBound);
                var dump = new SockDiagDump(socket, withBound ? EverythingAndBound : Everything);
                for (uint seen = 1; dump.TryRead(out SocketRecord record); seen++)
                {
                    Take(context, record, seen);
                }

                return true;
            },
            tables =>
            {
                // Of what sock_diag began to tell nothing is kept.
                Begin(ports, excluded, timeWaitReuse, withBound: true);
                tables.Begin(SockDiagRequest.AllStates);
                for (uint seen = 1; tables.TryRead(out SocketRecord record); seen++)
                {
                    Take(context, record, seen);
                }

                return true;
            });
    }

    private void Begin(PortRange ports, PortSet? excluded, TimeWaitReuse timeWaitReuse, bool withBound)
    {
        census.Begin(ports, excluded, timeWaitReuse, withBound);
        holders?.Begin();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Take(CollectContext context, in SocketRecord record, uint seen)
    {
        if (seen % SocketsPerSign == 0)
        {
            context.Answered();
        }

        if (holders is null || SocketCensus.IsBoundOnly(record))
        {
            census.Add(record, UnitKey.None);
        }
        else
        {
            holders.Note(census.Add(record, holders.Add(record)));
            census.Listeners.Last?.NoteHolder(record, holders.Current);
        }
    }

    // Needs no memory of earlier walks, so it is right after a restart too.
    private AgeCounts? AgesOfCloseWait(NetlinkSocket socket)
    {
        var ages = new AgeCounts();
        var dump = new SockDiagDump(socket, CloseWaitAges);
        while (dump.TryRead(out SocketRecord record))
        {
            if (record.TryGetSinceLastSegment(out TimeSpan age))
            {
                ages.Add(age);
                holders?.NoteAge(record.Inode, age);
            }
        }

        return ages;
    }

    private static (ulong Minute, ulong TenMinutes, ulong Hour)? CountIdle(NetlinkSocket socket)
    {
        ulong minute = 0;
        ulong tenMinutes = 0;
        ulong hour = 0;
        var dump = new SockDiagDump(socket, IdleAges);
        while (dump.TryRead(out SocketRecord record))
        {
            if (record.TryGetIdle(out TimeSpan idle))
            {
                minute += idle.TotalMinutes >= 1 ? 1u : 0u;
                tenMinutes += idle.TotalMinutes >= 10 ? 1u : 0u;
                hour += idle.TotalHours >= 1 ? 1u : 0u;
            }
        }

        return (minute, tenMinutes, hour);
    }

    private CensusReading Read(CollectContext context, AgeCounts? ages, (ulong, ulong, ulong)? idle)
    {
        topDestinations.Choose(census.Ports.Destinations);
        AskWhoTookThePorts(context);
        topRemotes.Choose(census.Remotes);
        topRemotePorts.Choose(census.RemotePorts);
        cgroups.BeginRound();
        NameUnits();
        processes.Clear();
        holders?.AddTo(processes);
        processes.Choose();
        (ulong worstPorts, Destination? worst) = census.Ports.Worst();
        ImmutableArray<CensusReading.DestinationRow> destinations = DestinationRows(context);
        context.Drop("conn_ephemeral_destination_ports", topDestinations.LeftOut);
        context.Drop("conn_remote_sockets", topRemotes.LeftOut);
        context.Drop("conn_remote_port_sockets", topRemotePorts.LeftOut);
        context.Drop("conn_unit_sockets", units.LeftOut);
        context.Drop("conn_tcp_stalled_sockets", census.Stalled.Overlooked);
        context.Drop("conn_process_sockets", processes.LeftOut);
        context.Drop("conn_listener_sockets", Math.Max(0, census.Listeners.Count - ListenersCollector.Shown));
        return new CensusReading
        {
            Namespace = context.Namespace,
            States = StatesSeen(),
            IsFromTables = sockets.Missing is not null,
            Inbound = census.Totals.Inbound,
            Outbound = census.Totals.Outbound,
            Listening = census.Totals.Listening,
            ReceivedBytes = census.Totals.ReceivedBytes,
            SentBytes = census.Totals.SentBytes,
            NotReading = (ulong)census.Stalled.Count,
            ZeroWindow = census.Totals.ZeroWindow,
            OldestCloseWait = ages?.Oldest,
            CloseWaitAges = ages?.Oldest is null ? null : ages,
            Unread = census.Totals.Unread,
            Unanswered = UnansweredConnects(),
            Holders = HolderRows(),
            Connecting = [.. holders?.Connecting(Biggest).Select(row => new CensusReading.ConnectingRow(row.Name.Process, row.Name.Unit, row.Processes, (ulong)row.Sockets, row.First)) ?? []],
            IdleSockets = idle,
            InUse = (ulong)census.Ports.InUse,
            Blocked = (ulong)census.Ports.Blocked,
            Refused = (ulong)inquiry.Refused,
            Anybody = inquiry.Anybody,
            TimeWaitLength = census.Ports.Reuse.Length,
            Probes = options.ProbePorts && kernel.OpenPortProbe is not null ? [.. inquiry.Answers.All] : null,
            UnansweredProbes = inquiry.Answers.Unanswered,
            Worst = inquiry.Anybody == PortAnswer.None
                ? (ulong)census.Ports.Usable
                : Math.Max(worstPorts + (ulong)census.Ports.Blocked, destinations.Where(row => row.Port != Labels.Other).Select(row => row.Taken(census.Ports.Blocked, census.Ports.Usable)).DefaultIfEmpty().Max()),
            Sightings = worst is { } destination ? Watch(context, destination, worstPorts, census.Ports.Usable) : [],
            Destinations = destinations,
            Listeners = ListenerRows(),
            Units = StateRows(units.Rows.Select(row => (row.Name, row.States)), units.HasOther ? units.Other : null),
            Processes = ProcessRows(),
            IsAttributionComplete = holders?.Coverage is { } reach ? reach is { Unread: 0, DeniedNear: 0, LeftOut: 0 } : null,
            Covered = holders is null ? null : holders.Held == 0 ? 1 : holders.Covered / (double)holders.Held,
            Remotes = RemoteRows(),
            RemotePorts = RemotePortRows(),
            Errors =
            [
                ("conn_ephemeral_destination_ports", (ulong)census.Ports.Destinations.Error),
                ("conn_remote_sockets", (ulong)census.Remotes.Error),
                ("conn_remote_port_sockets", (ulong)census.RemotePorts.Error),
                ("conn_unit_sockets", (ulong)census.Units.Error),
            ],
        };
    }

    private ImmutableArray<ulong> StatesSeen()
    {
        ImmutableArray<ulong>.Builder states = ImmutableArray.CreateBuilder<ulong>(TcpTable.StateCount);
        for (int state = 0; state < TcpTable.StateCount; state++)
        {
            states.Add((ulong)census.Units.TotalOf(state));
        }

        return states.MoveToImmutable();
    }

    // A few rows out of many keys that come and go: not worth a table of their own.
    private CensusReading.UnansweredConnects UnansweredConnects()
    {
        var biggest = new PriorityQueue<Target, long>();
        foreach (BoundedCounts<Target>.Row row in census.Unanswered)
        {
            if (biggest.Count < Biggest)
            {
                biggest.Enqueue(row.Key, row.Guaranteed);
            }
            else
            {
                biggest.EnqueueDequeue(row.Key, row.Guaranteed);
            }
        }

        return new(
            (ulong)census.Unanswered.Total,
            census.Unanswered.Count,
            [
                .. biggest.UnorderedItems.OrderByDescending(item => item.Priority).ThenBy(item => item.Element.Address.ToString(), StringComparer.Ordinal).ThenBy(item => item.Element.Port)
                    .Select(item => new CensusReading.UnansweredRow(item.Element.Address.ToString(), item.Element.Port.ToString(), (ulong)item.Priority)),
            ]);
    }

    private ImmutableArray<CensusReading.HolderRow> HolderRows() => holders is null
        ? []
        : [.. Kinds.SelectMany(kind => holders.Biggest(kind, Biggest).Select(row => new CensusReading.HolderRow(kind, row.Owner, (ulong)row.Count, row.Oldest)))];

    private ImmutableArray<CensusReading.DestinationRow> DestinationRows(CollectContext context)
    {
        ImmutableArray<CensusReading.DestinationRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.DestinationRow>(topDestinations.Count + 1);
        for (int i = 0; i < topDestinations.Count; i++)
        {
            rows.Add(RowOf(topDestinations[i], context));
        }

        if (topDestinations.Other > 0)
        {
            rows.Add(new(
                Labels.Other,
                Labels.Other,
                Labels.Other,
                (ulong)topDestinations.OtherOf(EphemeralPorts.Live),
                (ulong)topDestinations.OtherOf(EphemeralPorts.TimeWait),
                0)
            {
                UnprovenTimeWait = (ulong)topDestinations.OtherOf(EphemeralPorts.ReusableTimeWait),
            });
        }

        return rows.ToImmutable();
    }

    private CensusReading.DestinationRow RowOf(BoundedCounts<Destination>.Row row, CollectContext context)
    {
        Destination key = row.Key;
        bool? haveTimestamps = peerTimestamps.Of(key, census.Ports.Reuse.Timestamps, Now(context));
        long waiting = row.Counts[EphemeralPorts.ReusableTimeWait];
        long timeWait = row.Counts[EphemeralPorts.TimeWait] + (haveTimestamps == false ? waiting : 0);
        PortEvidence evidence = inquiry.Of(key, census.Ports, out bool wasAsked);
        long unproven = haveTimestamps is null ? waiting : 0;
        return new(key.Source.ToString(), key.Address.ToString(), key.Port.ToString(), (ulong)row.Counts[EphemeralPorts.Live], (ulong)timeWait, haveTimestamps == true ? (ulong)waiting : 0)
        {
            UnprovenTimeWait = (ulong)unproven,
            BoundElsewhere = (ulong)evidence.Bound,
            MayBeBound = wasAsked ? (ulong)evidence.MayBeBound : (ulong)Math.Max(0, census.Ports.InUse - census.Ports.Blocked - row.Counts[EphemeralPorts.Live] - timeWait - unproven),
            LikelyBound = (ulong?)evidence.LikelyBound,
            Room = evidence.Room,
            MayPassOver = evidence.MayPassOver,
        };
    }

    // What no record shows: whether TIME_WAIT sockets can be taken over, and which ports bind() took. Looked for only where it would make a difference.
    private void AskWhoTookThePorts(CollectContext context)
    {
        EphemeralPorts ports = census.Ports;
        inquiry.Begin();
        int questions = MostTimestampQuestions;
        for (int i = 0; i < topDestinations.Count && questions > 0 && sockets.Missing is null; i++)
        {
            BoundedCounts<Destination>.Row row = topDestinations[i];
            Destination key = row.Key;
            if (row.Counts[EphemeralPorts.ReusableTimeWait] > 0 && row.Counts[EphemeralPorts.Live] > 0 && HeldBy(row) >= ShortOfPorts * ports.Usable && !peerTimestamps.Knows(key, Now(context)))
            {
                questions--;
                if (!sockets.AskSockDiag(socket => peerTimestamps.Ask(socket, key, Now(context))))
                {
                    sockets.Dispose();
                }
            }
        }

        if (!PortInquiry.Matters(ports))
        {
            return;
        }

        for (int i = 0; i < topDestinations.Count; i++)
        {
            BoundedCounts<Destination>.Row row = topDestinations[i];
            bool? haveTimestamps = peerTimestamps.Of(row.Key, ports.Reuse.Timestamps, Now(context));
            long taken = row.Counts[EphemeralPorts.Live] + row.Counts[EphemeralPorts.TimeWait] + (haveTimestamps == false ? row.Counts[EphemeralPorts.ReusableTimeWait] : 0) + ports.Blocked;
            if (taken < ports.Usable && !inquiry.TryAdd(row.Key, haveTimestamps))
            {
                break;
            }
        }

        bool looked = sockets.AskSockDiag(socket =>
        {
            inquiry.Look(socket, ports);
            return true;
        });
        if (!looked)
        {
            // /proc/net/tcp does not tell what a destination holds without reading all of it anew: nothing is claimed of single ones.
            inquiry.Begin();
        }

        inquiry.Ask(options.ProbePorts ? kernel.OpenPortProbe : null, ports, census.Listeners);
    }

    private static long HeldBy(BoundedCounts<Destination>.Row row) =>
        row.Counts[EphemeralPorts.Live] + row.Counts[EphemeralPorts.TimeWait] + row.Counts[EphemeralPorts.ReusableTimeWait];

    private static TimeSpan Now(CollectContext context) => context.Time.GetElapsedTime(0);

    private ImmutableArray<CensusReading.ListenerRow> ListenerRows() =>
    [
        .. census.Listeners.All
            .OrderByDescending(listener => listener.Fullness).ThenByDescending(listener => listener.SynQueue).ThenByDescending(listener => listener.Connections)
            .Take(ListenersCollector.Shown)
            .OrderBy(listener => listener.Port).ThenBy(listener => listener.Address.High).ThenBy(listener => listener.Address.Low).ThenBy(listener => listener.Interface)
            .Select(listener => (listener, holding: HoldingOf(listener)))
            .Select(row => new CensusReading.ListenerRow(
                NetworkInterface.Scoped(row.listener.Address, row.listener.Interface),
                row.listener.Port.ToString(),
                row.holding?.Server.Unit ?? UnitOf(row.listener),
                row.holding?.Server.Name ?? Labels.Unknown,
                row.listener.SynQueue,
                row.listener.Established,
                row.listener.CloseWait,
                row.listener.Other,
                row.holding?.Server)
            {
                Unanswered = row.listener.Unanswered,
                Unaccepted = row.listener.Unaccepted,
                UnacceptedCloseWait = row.listener.UnacceptedCloseWait,
                OwnerlessCloseWait = row.listener.OwnerlessCloseWait,
                Holding = row.holding,
            }),
    ];

    private ListenerHolding? HoldingOf(Listener listener) => holders is null ? null
        : ListenerHolding.Of(holders.AllOf(listener.TellingInode), [.. listener.Servers.ToArray().Select(holders.Of)]);

    private ImmutableArray<CensusReading.RemoteRow> RemoteRows()
    {
        ImmutableArray<CensusReading.RemoteRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.RemoteRow>(topRemotes.Count + 1);
        for (int i = 0; i < topRemotes.Count; i++)
        {
            BoundedCounts<Remote>.Row row = topRemotes[i];
            rows.Add(new(census.Name(row.Key), (ulong)row.Counts[SocketCensus.Inbound], (ulong)row.Counts[SocketCensus.Outbound]));
        }

        if (topRemotes.Other > 0)
        {
            rows.Add(new(Labels.Other, (ulong)topRemotes.OtherOf(SocketCensus.Inbound), (ulong)topRemotes.OtherOf(SocketCensus.Outbound)));
        }

        return rows.ToImmutable();
    }

    private ImmutableArray<CensusReading.StateRow> RemotePortRows()
    {
        ImmutableArray<CensusReading.StateRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.StateRow>(topRemotePorts.Count + 1);
        for (int i = 0; i < topRemotePorts.Count; i++)
        {
            BoundedCounts<RemotePort>.Row row = topRemotePorts[i];
            rows.Add(new(row.Key.Number.ToString(), ToStates(row.Counts)));
        }

        if (topRemotePorts.Other > 0)
        {
            ulong[] states = new ulong[TcpTable.StateCount];
            for (int state = 0; state < states.Length; state++)
            {
                states[state] = (ulong)topRemotePorts.OtherOf(state);
            }

            rows.Add(new(Labels.Other, states));
        }

        return rows.ToImmutable();
    }

    private void NameUnits()
    {
        units.Clear();
        Span<long> unseen = stackalloc long[TcpTable.StateCount];
        for (int state = 0; state < unseen.Length; state++)
        {
            unseen[state] = census.Units.TotalOf(state);
        }

        foreach (BoundedCounts<UnitKey>.Row row in census.Units)
        {
            units.Add(NameOf(row.Key), row.Counts);
            for (int state = 0; state < unseen.Length; state++)
            {
                unseen[state] -= row.Counts[state];
            }
        }

        // What the counts had no room for, so that the rows sum to what was seen.
        units.AddOther(unseen);
        units.Choose();
    }

    private string NameOf(UnitKey key) =>
        key.Cgroup is { } id ? cgroups.Find(id)?.Unit ?? holders?.UnitOfCgroup(id) ?? UnitName.None : key.Owner is { } owner ? holders!.Of(owner).Unit : UnitName.None;

    private string UnitOf(Listener listener) =>
        CgroupTree.Tells(listener.Cgroup) ? NameOf(UnitKey.OfCgroup(listener.Cgroup)) : holders?.Find(listener.Inode)?.Unit ?? UnitName.None;

    private ImmutableArray<CensusReading.ProcessRow> ProcessRows()
    {
        ImmutableArray<CensusReading.ProcessRow> rows = [.. processes.Rows.Select(row => new CensusReading.ProcessRow(row.Name.Process, row.Name.Unit, row.States))];
        return processes.HasOther ? rows.Add(new(Labels.Other, Labels.Other, processes.Other)) : rows;
    }

    private static ImmutableArray<CensusReading.StateRow> StateRows(IEnumerable<(string Name, ulong[] States)> rows, ulong[]? other)
    {
        ImmutableArray<CensusReading.StateRow> named = [.. rows.Select(row => new CensusReading.StateRow(row.Name, row.States))];
        return other is null ? named : named.Add(new(Labels.Other, other));
    }

    // Sockets in TIME_WAIT do not tell who made them: the next ones are caught while they live. Costly, so only where ports run short.
    private ImmutableArray<CensusReading.SightingRow> Watch(CollectContext context, Destination destination, ulong held, int usable)
    {
        if (timeWaitOwners is null || sockets.Missing is not null || held < ShortOfPorts * usable)
        {
            watched = null;
            return sightings = [];
        }

        // As long as a process is missing the next walk looks again.
        bool known = sightings.Length > 0 && sightings.All(sighting => sighting.Process != Labels.Unknown);
        if (watched != destination || !known || context.Time.GetElapsedTime(watchedAt) >= WatchAgainAfter)
        {
            watched = destination;
            watchedAt = context.Time.GetTimestamp();
            sightings =
            [
                .. timeWaitOwners.Watch(destination.Address, destination.Port, WatchCost)

                    // Those that stay open are known to the walks.
                    .Select(sighting => sighting.Owner is null ? sighting with { Owner = holders?.Find(sighting.Inode) } : sighting)
                    .GroupBy(sighting => (Unit: sighting.Unit ?? UnitName.None, Process: sighting.Owner?.Name ?? Labels.Unknown))
                    .Select(group => new CensusReading.SightingRow(destination.Address.ToString(), destination.Port.ToString(), group.Key.Unit, group.Key.Process, (ulong)group.Count(), group.First().Owner)),
            ];
        }

        return sightings;
    }

    private static ulong[] ToStates(ReadOnlySpan<long> counts)
    {
        ulong[] states = new ulong[counts.Length];
        for (int state = 0; state < states.Length; state++)
        {
            states[state] = (ulong)counts[state];
        }

        return states;
    }

    // It changes hardly ever, and most often says nothing.
    private PortSet ReadReserved()
    {
        ReadOnlySpan<byte> text = reserved.Read();
        if (reservedPorts is null || !text.SequenceEqual(reservedText))
        {
            reservedPorts = PortSet.Parse(reserved.Path, text);
            reservedText = text.ToArray();
        }

        return reservedPorts;
    }

    private TimeWaitReuse ReadReuse() => new(
        reuse.ReadNumberIfThere() ?? 0,
        timestamps.ReadNumberIfThere() is not 0,
        reuseDelay.ReadNumberIfThere() is { } delay ? TimeSpan.FromMilliseconds(delay) : DefaultReuseDelay)
    {
        Length = timeWaitLength.ReadNumberIfThere() is { } seconds ? TimeSpan.FromSeconds(seconds) : TimeWaitReuse.MainlineLength,
    };
}
