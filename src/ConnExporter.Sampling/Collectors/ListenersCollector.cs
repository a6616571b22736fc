using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Accept queue, limit and drops of each listening address and port, from a dump of listeners alone, which costs microseconds however many connections there are.</summary>
/// <remarks>
/// A socket that is bound to an interface has a row of its own, with the interface in its address. Members of an SO_REUSEPORT group share an address: the kernel
/// picks one by hash, so one can be full while the others are idle. The row shows the fullest. What is remembered of them: <see cref="ListenerHistory"/>.
/// </remarks>
internal sealed class ListenersCollector : Collector
{
    /// <summary>Rows on the page.</summary>
    public const int Shown = 128;

    private readonly KernelSource kernel;
    private readonly SocketSource sockets;
    private readonly int shown;
    private readonly ListenerHistory history = new();
    private readonly List<ListenerMember> members = [];

    public ListenersCollector(KernelSource kernel, int shown = Shown)
    {
        this.kernel = kernel;
        this.shown = shown;
        sockets = new SocketSource(kernel);
    }

    public override Reading Collect(CollectContext context) => Collect(context, history);

    /// <summary>The listeners of the one of many network namespaces that the calling thread is in.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="past">What is remembered of its listeners.</param>
    public ListenersReading Collect(CollectContext context, ListenerHistory past)
    {
        sockets.Ask(context, Dump, ReadTables);
        context.Note(sockets.Missing is { } missing ? $"{missing}; reading {kernel.Proc.NetPathOf("tcp")} and tcp6 instead, which tell how long accept queues are, not their limits and not the drops" : null);
        return new ListenersReading(context.Namespace, past.Take(members, shown, context), members.Count > shown ? PortsOf(members) : null);
    }

    public override void Close() => sockets.Dispose();

    private static PortSet PortsOf(List<ListenerMember> members)
    {
        var ports = new PortSet.Builder();
        foreach (ListenerMember member in members)
        {
            ports.Add(member.Port);
        }

        return ports.ToSet();
    }

    private bool Dump(NetlinkSocket sockDiag)
    {
        members.Clear();
        var dump = new SockDiagDump(sockDiag, new SockDiagRequest(SockDiagRequest.Bit(TcpState.Listen), SockDiagRequest.SocketMemory));
        while (dump.TryRead(out SocketRecord socket))
        {
            uint? drops = socket.TryGetDrops(out uint count) ? count : null;
            members.Add(new ListenerMember(socket.LocalAddress, socket.LocalPort, socket.Interface, socket.Cookie, socket.ReceiveQueue, socket.SendQueue, drops));
        }

        return true;
    }

    private bool ReadTables(TcpTables tables)
    {
        members.Clear();
        tables.Begin(SockDiagRequest.Bit(TcpState.Listen));
        while (tables.TryRead(out SocketRecord socket))
        {
            members.Add(new ListenerMember(socket.LocalAddress, socket.LocalPort, socket.Interface, socket.Cookie, socket.ReceiveQueue, Limit: null, Drops: null));
        }

        return true;
    }
}

/// <summary>One listening socket as a dump shows it; several can share an address (SO_REUSEPORT).</summary>
/// <param name="Address">Where it listens.</param>
/// <param name="Port">Where it listens.</param>
/// <param name="Interface">The index of the network interface that it is bound to; 0 for none.</param>
/// <param name="Cookie">What tells it from all others.</param>
/// <param name="Queue">Connections that wait to be accepted.</param>
/// <param name="Limit">The backlog in force; null where it is not told, as by <c>/proc/net/tcp</c>.</param>
/// <param name="Drops">Its sk_drops; null where it is not told.</param>
internal readonly record struct ListenerMember(InetAddress Address, ushort Port, uint Interface, ulong Cookie, uint Queue, uint? Limit, uint? Drops);

/// <summary>The listeners at one time.</summary>
internal sealed class ListenersReading : Reading
{
    private readonly PortSet? ports;

    /// <summary>The listeners as they were seen.</summary>
    /// <param name="netns">Where.</param>
    /// <param name="rows">Those that are shown.</param>
    /// <param name="ports">The ports of all; null where all are shown.</param>
    public ListenersReading(string netns, Row[] rows, PortSet? ports = null)
    {
        Netns = netns;
        this.ports = ports;
        Rows = [.. rows];
    }

    /// <summary>The network namespace.</summary>
    public string Netns { get; }

    /// <summary>Every port that something listens on, those of listeners that have no row too; in no order.</summary>
    public IEnumerable<ushort> Ports => ports?.Ports ?? Rows.Select(row => ushort.Parse(row.Port, NumberStyles.None, CultureInfo.InvariantCulture)).Distinct();

    /// <summary>The listeners, by port.</summary>
    public ImmutableArray<Row> Rows { get; }

    /// <summary>Whether an accept queue has overflowed: it holds one more than its limit.</summary>
    public bool HasFullQueue => Rows.Any(row => row.Queue > row.Limit);

    /// <summary>One address and port. Limit and drops are null where they are not told: without sock_diag neither is.</summary>
    internal sealed record Row(string Address, string Port, ulong Queue, ulong? Limit, ulong Peak, ulong? Drops);
}
