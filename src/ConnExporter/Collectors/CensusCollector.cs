using System.Collections.Immutable;
using ConnExporter.Census;
using ConnExporter.Configuration;
using ConnExporter.Counting;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>One full walk over the sockets: ephemeral ports by destination, sockets by listener, unit, peer and port, queues and stalls.</summary>
internal sealed class CensusCollector : Collector
{
    // Bound and not connected sockets have a bit of their own since Linux 6.8; older kernels pass over it.
    private static readonly SockDiagRequest Everything = new(SockDiagRequest.AllStates | SockDiagRequest.BoundInactive);
    private static readonly SockDiagRequest CloseWaitAges = new(SockDiagRequest.Bit(TcpState.CloseWait), SockDiagRequest.Info);
    private static readonly SockDiagRequest IdleAges = new(SockDiagRequest.Bit(TcpState.Established), SockDiagRequest.Info);
    private static readonly TimeSpan DefaultReuseDelay = TimeSpan.FromSeconds(1);

    private readonly KernelSource kernel;
    private readonly CensusOptions options;
    private readonly SocketCensus census;
    private readonly ProcFile range;
    private readonly ProcFile reuse;
    private readonly ProcFile reuseDelay;
    private readonly ProcFile timestamps;
    private readonly CgroupTree cgroups;
    private readonly TopRows<Destination> topDestinations;
    private readonly TopRows<Remote> topRemotes;
    private readonly TopRows<RemotePort> topRemotePorts;
    private readonly UnitTable units;
    private NetlinkSocket? sockDiag;

    public CensusCollector(KernelSource kernel, CensusOptions options)
    {
        this.kernel = kernel;
        this.options = options;
        census = new SocketCensus(options);
        range = kernel.Proc.File("sys/net/ipv4/ip_local_port_range");
        reuse = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse");
        reuseDelay = kernel.Proc.File("sys/net/ipv4/tcp_tw_reuse_delay");
        timestamps = kernel.Proc.File("sys/net/ipv4/tcp_timestamps");
        cgroups = new CgroupTree(kernel.Proc);
        topDestinations = new TopRows<Destination>(options.Destinations, EphemeralPorts.Kinds, ranked: EphemeralPorts.ReusableTimeWait);
        topRemotes = new TopRows<Remote>(options.Top, SocketCensus.Directions);
        topRemotePorts = new TopRows<RemotePort>(options.Top, TcpTable.StateCount);
        units = new UnitTable(options.Top);
    }

    public override Reading Collect(CollectContext context)
    {
        census.Begin(PortRange.Parse(range.Path, range.Read()), ReadReuse());
        (TimeSpan? oldest, (ulong, ulong, ulong)? idle) = Walk();
        if (census.Stalled.Overlooked > 0)
        {
            context.Note($"{census.Stalled.Overlooked} sockets with unread bytes were not followed: more than {StalledSockets.Bound} at once");
        }

        return Read(context, oldest, idle);
    }

    public override void Close()
    {
        sockDiag?.Dispose();
        sockDiag = null;
        range.Dispose();
        reuse.Dispose();
        reuseDelay.Dispose();
        timestamps.Dispose();
    }

    private (TimeSpan? Oldest, (ulong, ulong, ulong)? Idle) Walk()
    {
        try
        {
            sockDiag ??= kernel.OpenSockDiag();
            var dump = new SockDiagDump(sockDiag, Everything);
            while (dump.TryRead(out SocketRecord socket))
            {
                census.Add(socket);
            }

            return (census.Totals.CloseWait > 0 ? OldestCloseWait(sockDiag) : null, options.IdleAges ? CountIdle(sockDiag) : null);
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
    private static TimeSpan? OldestCloseWait(NetlinkSocket socket)
    {
        TimeSpan? oldest = null;
        var dump = new SockDiagDump(socket, CloseWaitAges);
        while (dump.TryRead(out SocketRecord record))
        {
            if (record.TryGetSinceLastSegment(out TimeSpan age) && !(age <= oldest))
            {
                oldest = age;
            }
        }

        return oldest;
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

    private CensusReading Read(CollectContext context, TimeSpan? oldest, (ulong, ulong, ulong)? idle)
    {
        topDestinations.Choose(census.Ports.Destinations);
        topRemotes.Choose(census.Remotes);
        topRemotePorts.Choose(census.RemotePorts);
        cgroups.BeginRound();
        units.Choose(census.Cgroups, cgroups);
        context.Drop("conn_ephemeral_destination_ports", topDestinations.LeftOut);
        context.Drop("conn_remote_sockets", topRemotes.LeftOut);
        context.Drop("conn_remote_port_sockets", topRemotePorts.LeftOut);
        context.Drop("conn_unit_sockets", units.LeftOut);
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
            OldestCloseWait = oldest,
            IdleSockets = idle,
            InUse = (ulong)census.Ports.InUse,
            Blocked = (ulong)census.Ports.Blocked,
            Worst = census.Ports.WorstDestination + (ulong)census.Ports.Blocked,
            Destinations = DestinationRows(),
            Listeners = ListenerRows(),
            Units = units.Rows,
            Remotes = RemoteRows(),
            RemotePorts = RemotePortRows(),
            Errors =
            [
                ("conn_ephemeral_destination_ports", (ulong)census.Ports.Destinations.Error),
                ("conn_remote_sockets", (ulong)census.Remotes.Error),
                ("conn_remote_port_sockets", (ulong)census.RemotePorts.Error),
                ("conn_unit_sockets", (ulong)census.Cgroups.Error),
            ],
        };
    }

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
            .Select(listener => new CensusReading.ListenerRow(
                listener.Address.ToString(), listener.Port.ToString(), cgroups.UnitOf(listener.Cgroup), "", listener.SynQueue, listener.Established, listener.CloseWait, listener.Other)),
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
