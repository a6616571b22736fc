using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>One full walk over the sockets: ephemeral ports by destination, sockets by listener, unit, peer and port, queues and stalls.</summary>
/// <remarks>
/// The <see cref="SocketCensus"/> counts, <see cref="SocketHolders"/> add which process holds what. Rows of it are made by <see cref="DestinationPorts"/>,
/// <see cref="PeerRows"/> and <see cref="HolderRows"/>.
/// </remarks>
internal sealed class CensusCollector : Collector
{
    // Sockets that are bound and not connected stay for long, and to be shown them the kernel walks another table: an eighth of the whole cost.
    private const int WalksPerBound = 4;
    private const uint SocketsPerSign = 1024;

    // Rows of what is for the diagnosis only.
    private const int Biggest = 5;
    private static readonly SockDiagRequest Everything = new(SockDiagRequest.AllStates);
    private static readonly SockDiagRequest EverythingAndBound = new(SockDiagRequest.AllStates | SockDiagRequest.BoundInactive);
    private static readonly SockDiagRequest IdleAges = new(SockDiagRequest.Bit(TcpState.Established), SockDiagRequest.Info);

    private readonly KernelSource kernel;
    private readonly CensusOptions options;
    private readonly SocketSource sockets;
    private readonly PortSettingsSource portSettings;
    private readonly CgroupTree cgroups;
    private readonly SocketCensus census;
    private readonly SocketHolders? holders;
    private readonly DestinationPorts destinations;
    private readonly DestinationWatch? watch;
    private readonly PeerRows peers;
    private readonly HolderRows holderRows;
    private readonly Pauses pauses;
    private readonly ActiveOpens activeOpens;
    private int walks;
    private ulong? opensBefore;

    /// <summary>A census of the network namespace that the kernel is read in.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="options">What to count and show.</param>
    /// <param name="names">Whether to find the processes that hold the sockets; without it a walk costs half and keeps nothing open.</param>
    public CensusCollector(KernelSource kernel, CensusOptions options, bool names = true)
    {
        this.kernel = kernel;
        this.options = options;
        sockets = new SocketSource(kernel);
        activeOpens = new ActiveOpens(kernel);
        pauses = new Pauses(sleeps: names && !options.AllAtOnce);
        portSettings = new PortSettingsSource(kernel);
        cgroups = new CgroupTree(kernel.Proc, kernel.SysRoot, kernel.Pods);
        census = new SocketCensus(options);
        holders = names ? new SocketHolders(new SocketOwners(kernel, cgroups)) : null;
        destinations = new DestinationPorts(kernel, options, census);
        watch = holders is null ? null : new DestinationWatch(kernel, cgroups, sighting => holders.Find(sighting.Inode));
        peers = new PeerRows(options.Top, census);
        holderRows = new HolderRows(options.Top, census, holders, cgroups);
    }

    public override Reading Collect(CollectContext context) => Collect(context, walks % WalksPerBound == 0);

    /// <summary>A census of the one of many network namespaces that the calling thread is in.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="memory">What is remembered of it from one census to the next.</param>
    public CensusReading Collect(CollectContext context, CensusMemory memory)
    {
        census.Stalled = memory.Stalled;
        destinations.Restore(memory);

        // No walk may stand for another's: the sockets that are bound and not connected are asked for each time.
        CensusReading reading = Collect(context, withBound: true);
        destinations.Save(memory);
        return reading;
    }

    public override void Close()
    {
        sockets.Dispose();
        activeOpens.Dispose();
        portSettings.Dispose();
        holders?.Dispose();
        watch?.Dispose();
        cgroups.Dispose();
    }

    private CensusReading Collect(CollectContext context, bool withBound)
    {
        TimeSpan begin = ThreadClock.CpuTime();
        PortSettings settings = portSettings.Read(context);
        Walk(context, settings, withBound);

        // The first walk knows no process yet: it only tells where to look.
        if (walks++ == 0 && holders is not null)
        {
            ImproveHolders(context);
            context.SpendSeldom(ThreadClock.CpuTime() - begin);
            Walk(context, settings, withBound);
        }

        AgeCounts? ages = census.Totals.CloseWait > 0 ? sockets.AskSockDiag(socket => AgeCounts.OfCloseWait(socket, holders)) : null;
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

    private void Walk(CollectContext context, PortSettings settings, bool withBound)
    {
        sockets.Ask(
            context,
            socket =>
            {
                Begin(settings, withBound);
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
                Begin(settings, withBound: true);
                tables.Begin(SockDiagRequest.AllStates);
                for (uint seen = 1; tables.TryRead(out SocketRecord record); seen++)
                {
                    Take(context, record, seen);
                }

                return true;
            });
    }

    private void Begin(PortSettings settings, bool withBound)
    {
        census.Begin(settings.Range, settings.Reserved, settings.Reuse, withBound);
        holders?.Begin();
        opensBefore = activeOpens.Read();
        pauses.Begin();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Take(CollectContext context, in SocketRecord record, uint seen)
    {
        if (seen % SocketsPerSign == 0)
        {
            context.Answered();
            pauses.Took((int)SocketsPerSign);
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
        destinations.Choose(context, sockets);
        peers.Choose();
        holderRows.Choose();
        (ulong worstPorts, Destination? worst) = census.Ports.Worst();
        ImmutableArray<CensusReading.DestinationRow> destinationRows = destinations.ToRows(context);
        destinations.Drop(context);
        peers.Drop(context);
        holderRows.Drop(context);
        context.Drop("conn_tcp_stalled_sockets", census.Stalled.Overlooked);
        return new CensusReading
        {
            Namespace = context.Namespace,
            States = StatesSeen(),
            IsFromTables = sockets.Missing is not null,
            ActiveOpens = opensBefore,
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
            Unanswered = peers.Unanswered(Biggest),
            Holders = holderRows.Biggest(Biggest),
            Connecting = holderRows.Connecting(Biggest),
            IdleSockets = idle,
            InUse = (ulong)census.Ports.InUse,
            Blocked = (ulong)census.Ports.Blocked,
            Refused = (ulong)destinations.Inquiry.Refused,
            Anybody = destinations.Inquiry.Anybody,
            TimeWaitLength = census.Ports.Reuse.Length,
            Probes = destinations.Probes,
            UnansweredProbes = destinations.Inquiry.Answers.Unanswered,
            Worst = destinations.MostTaken(worstPorts, destinationRows),
            Sightings = Watch(context, worst, worstPorts),
            Destinations = destinationRows,
            Listeners = holderRows.Listeners(),
            Units = holderRows.Units(),
            Processes = holderRows.Processes(),
            IsAttributionComplete = holders?.Coverage is { } reach ? reach is { Unread: 0, DeniedNear: 0, LeftOut: 0 } : null,
            Covered = holders is null ? null : holders.Held == 0 ? 1 : holders.Covered / (double)holders.Held,
            Remotes = peers.Remotes(),
            RemotePorts = peers.Ports(),
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

    // Costly, so only where ports run short.
    private ImmutableArray<CensusReading.SightingRow> Watch(CollectContext context, Destination? worst, ulong held)
    {
        if (watch is null || worst is not { } destination)
        {
            return [];
        }

        if (sockets.Missing is not null || held < DestinationPorts.ShortFrom * census.Ports.Usable)
        {
            watch.Clear();
            return [];
        }

        return watch.Look(context, destination);
    }
}
