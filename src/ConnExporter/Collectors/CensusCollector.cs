using System.Collections.Immutable;
using ConnExporter.Census;
using ConnExporter.Configuration;
using ConnExporter.Counting;
using ConnExporter.Holders;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>One full walk over the sockets: ephemeral ports by destination, sockets by listener, unit, peer and port, queues and stalls.</summary>
internal sealed class CensusCollector : Collector
{
    // Sockets that are bound and not connected stay for long, and to be shown them the kernel walks another table: an eighth of the whole cost.
    private const int WalksPerBound = 4;
    private const uint SocketsPerSign = 16_384;
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
    private readonly CgroupTree cgroups;
    private readonly TopRows<Destination> topDestinations;
    private readonly TopRows<Remote> topRemotes;
    private readonly TopRows<RemotePort> topRemotePorts;
    private readonly SocketHolders? holders;
    private readonly TimeWaitOwners? timeWaitOwners;
    private readonly NamedStates<string> units;
    private readonly NamedStates<ProcessName> processes;
    private NetlinkSocket? sockDiag;
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
        range = kernel.Proc.File("sys/net/ipv4/ip_local_port_range");
        reuse = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse");
        reuseDelay = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse_delay");
        timestamps = kernel.Proc.File("sys/net/ipv4/tcp_timestamps");
        reserved = kernel.Proc.File("sys/net/ipv4/ip_local_reserved_ports");
        cgroups = new CgroupTree(kernel.Proc, kernel.SysRoot);
        holders = names ? new SocketHolders(new SocketOwners(kernel, cgroups)) : null;
        timeWaitOwners = names ? new TimeWaitOwners(kernel, cgroups) : null;
        topDestinations = new TopRows<Destination>(options.Destinations, EphemeralPorts.Kinds, ranked: EphemeralPorts.ReusableTimeWait);
        topRemotes = new TopRows<Remote>(options.Top, SocketCensus.Directions);
        topRemotePorts = new TopRows<RemotePort>(options.Top, TcpTable.StateCount);
        units = new NamedStates<string>(options.Top);
        processes = new NamedStates<ProcessName>(options.Top);
    }

    public override Reading Collect(CollectContext context)
    {
        var ports = PortRange.Parse(range.Path, range.Read());
        TimeWaitReuse timeWaitReuse = ReadReuse();
        bool withBound = walks % WalksPerBound == 0;
        Walk(context, ports, timeWaitReuse, withBound);

        // The first walk knows no process yet: it only tells where to look.
        if (walks++ == 0 && holders is not null)
        {
            holders.Improve();
            Walk(context, ports, timeWaitReuse, withBound);
        }

        AgeCounts? ages = census.Totals.CloseWait > 0 ? Ask(AgesOfCloseWait) : null;
        (ulong, ulong, ulong)? idle = options.IdleAges ? Ask(CountIdle) : null;
        CensusReading reading = Read(context, ports, ages, idle);
        holders?.Improve();
        NoteDenied(context);
        return reading;
    }

    public override void Close()
    {
        sockDiag?.Dispose();
        sockDiag = null;
        range.Dispose();
        reuse.Dispose();
        reuseDelay.Dispose();
        timestamps.Dispose();
        reserved.Dispose();
        holders?.Dispose();
        timeWaitOwners?.Dispose();
        cgroups.Dispose();
    }

    private void NoteDenied(CollectContext context)
    {
        OwnerCoverage? coverage = holders?.Coverage;
        context.Note(
            coverage is { Denied: > 0 } ? $"the sockets of some processes cannot be named, see conn_process_sockets_covered_ratio; reading their descriptors takes {coverage.MissingCapabilities}"
            : census.Stalled.Overlooked > 0 ? $"some sockets with unread bytes are not followed: more than {StalledSockets.Bound} at once"
            : null);
    }

    private void Walk(CollectContext context, PortRange ports, TimeWaitReuse timeWaitReuse, bool withBound)
    {
        census.Begin(ports, timeWaitReuse, withBound);
        holders?.Begin();
        Ask(socket =>
        {
            var dump = new SockDiagDump(socket, withBound ? EverythingAndBound : Everything);
            for (uint seen = 1; dump.TryRead(out SocketRecord record); seen++)
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
                }
            }

            return true;
        });
    }

    private T Ask<T>(Func<NetlinkSocket, T> question)
    {
        try
        {
            return question(sockDiag ??= kernel.OpenSockDiag());
        }
        catch (KernelReadException)
        {
            // In the middle of an answer the socket is of no further use.
            sockDiag?.Dispose();
            sockDiag = null;
            throw;
        }
    }

    // Needs no memory of earlier walks, so it is right after a restart too.
    private AgeCounts AgesOfCloseWait(NetlinkSocket socket)
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

    private static (ulong Minute, ulong TenMinutes, ulong Hour) CountIdle(NetlinkSocket socket)
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

    private CensusReading Read(CollectContext context, PortRange ports, AgeCounts? ages, (ulong, ulong, ulong)? idle)
    {
        topDestinations.Choose(census.Ports.Destinations);
        topRemotes.Choose(census.Remotes);
        topRemotePorts.Choose(census.RemotePorts);
        cgroups.BeginRound();
        NameUnits();
        processes.Clear();
        holders?.AddTo(processes);
        processes.Choose();
        (ulong worstPorts, Destination? worst) = census.Ports.Worst();
        context.Drop("conn_ephemeral_destination_ports", topDestinations.LeftOut);
        context.Drop("conn_remote_sockets", topRemotes.LeftOut);
        context.Drop("conn_remote_port_sockets", topRemotePorts.LeftOut);
        context.Drop("conn_unit_sockets", units.LeftOut);
        context.Drop("conn_tcp_stalled_sockets", census.Stalled.Overlooked);
        context.Drop("conn_process_sockets", processes.LeftOut);
        context.Drop("conn_listener_sockets", Math.Max(0, census.Listeners.All.Count - ListenersCollector.Shown));
        return new CensusReading
        {
            Namespace = kernel.Namespace,
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
            Worst = worstPorts + (ulong)census.Ports.Blocked,
            Sightings = worst is { } destination ? Watch(context, destination, worstPorts, ports) : [],
            Destinations = DestinationRows(),
            Listeners = ListenerRows(),
            Units = StateRows(units.Rows.Select(row => (row.Name, row.States)), units.HasOther ? units.Other : null),
            Processes = ProcessRows(),
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

    private ImmutableArray<CensusReading.DestinationRow> DestinationRows()
    {
        ImmutableArray<CensusReading.DestinationRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.DestinationRow>(topDestinations.Count + 1);
        for (int i = 0; i < topDestinations.Count; i++)
        {
            BoundedCounts<Destination>.Row row = topDestinations[i];
            rows.Add(new(
                row.Key.Source.ToString(),
                row.Key.Address.ToString(),
                row.Key.Port.ToString(),
                (ulong)row.Counts[EphemeralPorts.Live],
                (ulong)row.Counts[EphemeralPorts.TimeWait],
                (ulong)row.Counts[EphemeralPorts.ReusableTimeWait]));
        }

        if (topDestinations.Other > 0)
        {
            rows.Add(new(
                Labels.Other,
                Labels.Other,
                Labels.Other,
                (ulong)topDestinations.OtherOf(EphemeralPorts.Live),
                (ulong)topDestinations.OtherOf(EphemeralPorts.TimeWait),
                (ulong)topDestinations.OtherOf(EphemeralPorts.ReusableTimeWait)));
        }

        return rows.ToImmutable();
    }

    private ImmutableArray<CensusReading.ListenerRow> ListenerRows() =>
    [
        .. census.Listeners.All
            .OrderByDescending(listener => listener.Fullness).ThenByDescending(listener => listener.SynQueue).ThenByDescending(listener => listener.Connections)
            .Take(ListenersCollector.Shown)
            .OrderBy(listener => listener.Port).ThenBy(listener => listener.Address.High).ThenBy(listener => listener.Address.Low)
            .Select(listener => (listener, owner: holders?.Find(listener.Inode)))
            .Select(row => new CensusReading.ListenerRow(
                row.listener.Address.ToString(), row.listener.Port.ToString(), UnitOf(row.listener), row.owner?.Name ?? Labels.Unknown, row.listener.SynQueue, row.listener.Established, row.listener.CloseWait, row.listener.Other, row.owner)
            {
                Unanswered = row.listener.Unanswered,
            }),
    ];

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
    private ImmutableArray<CensusReading.SightingRow> Watch(CollectContext context, Destination destination, ulong held, PortRange ports)
    {
        int usable = ports.Count - PortSet.Parse(reserved.Path, reserved.Read()).CountIn(ports.First, ports.Last);
        if (timeWaitOwners is null || held < ShortOfPorts * usable)
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

    private TimeWaitReuse ReadReuse() => new(
        reuse.ReadNumberIfThere() ?? 0,
        timestamps.ReadNumberIfThere() is not 0,
        reuseDelay.ReadNumberIfThere() is { } delay ? TimeSpan.FromMilliseconds(delay) : DefaultReuseDelay);
}
