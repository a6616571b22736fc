using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Counting;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>One walk over the UDP sockets: by state, the ports that they hold by local address, destinations, units and processes, and who has dropped datagrams; and UDP's counters.</summary>
internal sealed class UdpCollector : Collector
{
    /// <summary>Addresses, and sockets with drops, on the page.</summary>
    public const int Shown = 16;

    private const int Top = 10;
    private const int Keys = 16_384;
    private const uint SocketsPerSign = 1024;

    // Whose the ports are is looked for from this share of them on: it takes the descriptors of processes.
    private const double WorthNaming = 0.1;

    private readonly KernelSource kernel;
    private readonly CensusOptions options;
    private readonly SocketSource sockets;
    private readonly UdpCounters counters;
    private readonly PortRangeSource portRange;
    private readonly CgroupTree cgroups;
    private readonly bool names;
    private readonly UdpPorts ports = new();
    private readonly ulong[] tally = new ulong[UdpReading.Families * UdpReading.States];
    private readonly BoundedCounts<Target> destinations = new(Keys, 1);
    private readonly BoundedCounts<UnitKey> units = new(Keys, 1);
    private readonly TopRows<Target> topDestinations = new(Top, 1);
    private readonly UdpReceivers ownReceivers = new();
    private UdpReceivers receivers;
    private SocketHolders? holders;

    /// <summary>Reads the network namespace that the kernel is read in.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="options">Whether all holders are looked for at once.</param>
    /// <param name="names">Whether processes are looked for at all.</param>
    public UdpCollector(KernelSource kernel, CensusOptions options, bool names = true)
    {
        this.kernel = kernel;
        this.options = options;
        this.names = names;
        sockets = new SocketSource(kernel, TcpTables.OfUdp(kernel.Proc));
        counters = new UdpCounters(kernel);
        portRange = new PortRangeSource(kernel);
        cgroups = new CgroupTree(kernel.Proc, kernel.SysRoot, kernel.Pods);
        receivers = ownReceivers;
    }

    public override Reading Collect(CollectContext context)
    {
        receivers = ownReceivers;
        return Read(context);
    }

    /// <summary>The sockets of the one of many network namespaces that the calling thread is in.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="past">What is remembered of its sockets.</param>
    public UdpReading Collect(CollectContext context, UdpReceivers past)
    {
        receivers = past;
        return Read(context);
    }

    public override void Close()
    {
        sockets.Dispose();
        counters.Dispose();
        portRange.Dispose();
        cgroups.Dispose();
        holders?.Dispose();
    }

    private UdpReading Read(CollectContext context)
    {
        (PortRange settings, PortSet? excluded) = portRange.Read(context);
        Walk(context, settings, excluded);
        ImmutableArray<UdpPortUse> rows = ports.Rows(Shown);
        ListenersReading.Row[] dropping = receivers.Take(Shown, context);
        bool isWorthNaming = IsWorthNaming(rows, dropping);
        if (isWorthNaming && holders is null)
        {
            // The walk before knew no process: it is made again to tell where to look, and once more with what was found.
            holders = new SocketHolders(new SocketOwners(kernel, cgroups));
            Walk(context, settings, excluded);
            holders.Improve([], options.AllAtOnce, context.Answered);
            Walk(context, settings, excluded);
        }

        context.Drop("conn_udp_ports_in_use", ports.Addresses - rows.Count(row => !row.IsAny) + ports.LeftOut);
        context.Note(
            sockets.Missing is { } missing ? $"{missing}; reading {kernel.Proc.NetPathOf("udp")} and udp6 instead, which tell no drops, no cgroups and no sizes of buffers"
            : ports.LeftOut > 0 ? $"{ports.LeftOut} sockets are on addresses beyond the {UdpPorts.MostAddresses} that are followed: how many ports those have left is not known"
            : null);
        cgroups.BeginRound();
        topDestinations.Choose(destinations);
        context.Drop("conn_udp_destination_sockets", topDestinations.LeftOut);
        var reading = new UdpReading(context.Namespace, [.. tally])
        {
            Ports = rows,
            Usable = excluded is null ? null : ports.Usable,
            Destinations = DestinationRows(),
            Units = UnitRows(context),
            Holders = [.. holders?.BiggestOutbound(Top).Select(row => new UdpReading.HolderRow(row.Owner, (ulong)row.Count)) ?? []],
            Receivers = [.. dropping.Select(ReceiverOf)],
            Counters = counters.Read(context),
        };
        if (isWorthNaming && !options.AllAtOnce)
        {
            holders!.Improve([], all: false, context.Answered);
        }

        return reading;
    }

    private ImmutableArray<UdpReading.DestinationRow> DestinationRows()
    {
        ImmutableArray<UdpReading.DestinationRow>.Builder rows = ImmutableArray.CreateBuilder<UdpReading.DestinationRow>(topDestinations.Count + 1);
        for (int i = 0; i < topDestinations.Count; i++)
        {
            BoundedCounts<Target>.Row row = topDestinations[i];
            rows.Add(new(row.Key.Address.ToString(), row.Key.Port.ToString(), (ulong)row.Guaranteed));
        }

        if (topDestinations.Other > 0)
        {
            rows.Add(new(Labels.Other, Labels.Other, (ulong)topDestinations.Other));
        }

        return rows.ToImmutable();
    }

    private ImmutableArray<UdpReading.UnitRow> UnitRows(CollectContext context)
    {
        var sums = new Dictionary<string, ulong>(StringComparer.Ordinal);
        ulong named = 0;
        foreach (BoundedCounts<UnitKey>.Row row in units)
        {
            string name = NameOf(row.Key);
            sums[name] = sums.GetValueOrDefault(name) + (ulong)row.Guaranteed;
        }

        UdpReading.UnitRow[] rows = [.. sums.OrderByDescending(sum => sum.Value).ThenBy(sum => sum.Key, StringComparer.Ordinal).Take(Top).Select(sum => new UdpReading.UnitRow(sum.Key, sum.Value))];
        context.Drop("conn_udp_unit_sockets", sums.Count - rows.Length);
        Array.ForEach(rows, row => named += row.Sockets);
        return named < (ulong)units.Total ? [.. rows, new(Labels.Other, (ulong)units.Total - named)] : [.. rows];
    }

    private bool IsWorthNaming(ImmutableArray<UdpPortUse> rows, ListenersReading.Row[] dropping) =>
        names && (options.AllAtOnce || holders is not null || dropping.Length > 0 || rows.Any(row => row.InUse >= WorthNaming * ports.Usable));

    private UdpReading.ReceiverRow ReceiverOf(ListenersReading.Row row)
    {
        (uint inode, ulong cgroup, bool hasDroppedSince) = receivers.TellingOf(row);
        Owner? owner = inode == 0 ? null : holders?.Find(inode);
        return new(row.Address, row.Port, row.Queue, row.Limit, row.Peak, row.Drops, owner?.Unit ?? (CgroupTree.Tells(cgroup) ? NameOf(UnitKey.OfCgroup(cgroup)) : UnitName.None), owner) { HasDroppedSince = hasDroppedSince };
    }

    private void Walk(CollectContext context, PortRange settings, PortSet? excluded) => sockets.Ask(
        context,
        socket =>
        {
            Begin(settings, excluded);
            if (counters.HasNoSockets())
            {
                return true;
            }

            Dump(context, socket, new UdpDiagRequest(IsV6: false));
            Dump(context, socket, new UdpDiagRequest(IsV6: true));
            return true;
        },
        tables =>
        {
            Begin(settings, excluded);
            tables.Begin(SockDiagRequest.AllStates);
            for (int seen = 1; tables.TryRead(out SocketRecord record); seen++)
            {
                if (seen > UdpTables.MostSockets)
                {
                    throw new KernelReadException(FailureKind.Broken, "too_large", $"{kernel.Proc.NetPathOf("udp")}: more than {UdpTables.MostSockets} sockets are not read line by line");
                }

                Take(record);
            }

            return true;
        });

    private void Begin(PortRange settings, PortSet? excluded)
    {
        ports.Begin(settings, excluded);
        Array.Clear(tally);
        destinations.Clear();
        units.Clear();
        receivers.Begin();
        holders?.Begin();
    }

    private void Dump(CollectContext context, NetlinkSocket socket, UdpDiagRequest request)
    {
        var dump = new SockDiagDump(socket, request);
        for (uint seen = 1; dump.TryRead(out SocketRecord record); seen++)
        {
            if (seen % SocketsPerSign == 0)
            {
                context.Answered();
            }

            Take(record);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Take(in SocketRecord record)
    {
        bool isConnected = record.State == TcpState.Established;
        tally[((record.IsV6 ? 1 : 0) * UdpReading.States) + (isConnected ? UdpReading.Connected : UdpReading.Unconnected)]++;
        bool takesPort = ports.Add(record);
        if (isConnected)
        {
            destinations.Add(new Target(record.RemoteAddress, record.RemotePort), 0);
        }

        receivers.Add(record);
        if (holders is null)
        {
            units.Add(record.TryGetCgroup(out ulong cgroup) && CgroupTree.Tells(cgroup) ? UnitKey.OfCgroup(cgroup) : UnitKey.None, 0);
            return;
        }

        units.Add(holders.Add(record), 0);
        if (takesPort)
        {
            holders.Note(SocketTraits.Outbound);
        }
    }

    private string NameOf(UnitKey key) =>
        key.Cgroup is { } id ? cgroups.Find(id)?.Unit ?? holders?.UnitOfCgroup(id) ?? UnitName.None : key.Owner is { } owner ? holders!.Of(owner).Unit : UnitName.None;
}
