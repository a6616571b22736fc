using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>Accept queue, limit and drops of each listening address and port, from a dump of listeners alone, which costs microseconds however many connections there are.</summary>
/// <remarks>
/// Members of an SO_REUSEPORT group share an address: the kernel picks one by hash, so one can be full while the others are idle. The row
/// shows the fullest. Drops are followed by socket (cookie) and added up, so that they do not fall when a member closes.
/// </remarks>
internal sealed class ListenersCollector : Collector
{
    /// <summary>Rows on the page.</summary>
    public const int Shown = 128;

    /// <summary>Closed listeners whose drop counts are remembered, should they come back.</summary>
    private const int Remembered = 1024;

    /// <summary>
    /// Rounds that the drops of a socket are remembered after it was last seen. A dump is no snapshot and can miss one
    /// (docs/kernel-facts.md §1), which must not be counted from its birth again when it is back.
    /// </summary>
    private const uint MissedRounds = 8;

    private readonly KernelSource kernel;
    private readonly List<Member> members = [];
    private readonly Dictionary<ulong, Drops> dropsByCookie = [];
    private readonly Dictionary<(InetAddress Address, ushort Port), Listener> listeners = [];
    private readonly List<Listener> open = [];
    private NetlinkSocket? sockDiag;
    private uint round;
    private ulong made;
    private long began;

    private readonly int shown;

    public ListenersCollector(KernelSource kernel, int shown = Shown)
    {
        this.kernel = kernel;
        this.shown = shown;
    }

    public override Reading Collect(CollectContext context)
    {
        try
        {
            Dump();
        }
        catch (KernelReadException)
        {
            // In the middle of an answer the socket is of no further use, and half an answer of none at all.
            sockDiag?.Dispose();
            sockDiag = null;
            throw;
        }

        if (round++ == 0)
        {
            began = context.Time.GetTimestamp();
        }

        Take(context.Time.GetElapsedTime(began));
        Forget();
        return Read(context);
    }

    public override void Close()
    {
        sockDiag?.Dispose();
        sockDiag = null;
    }

    private void Dump()
    {
        members.Clear();
        sockDiag ??= kernel.OpenSockDiag();
        var dump = new SockDiagDump(sockDiag, new SockDiagRequest(SockDiagRequest.Bit(TcpState.Listen), SockDiagRequest.SocketMemory));
        while (dump.TryRead(out SocketRecord socket))
        {
            uint? drops = socket.TryGetDrops(out uint count) ? count : null;
            members.Add(new Member(socket.LocalAddress, socket.LocalPort, socket.Cookie, socket.ReceiveQueue, socket.SendQueue, drops));
        }
    }

    private void Take(TimeSpan now)
    {
        foreach (ref readonly Member member in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(members))
        {
            if (!listeners.TryGetValue((member.Address, member.Port), out Listener? listener))
            {
                listener = new Listener(member.Address.ToString(), member.Port.ToString(), ++made);
                listeners.Add((member.Address, member.Port), listener);
            }

            listener.Add(member.Queue, member.Limit, round);
            listener.Drops += DropsSince(member);
        }

        foreach (Listener listener in listeners.Values)
        {
            if (listener.Round == round)
            {
                listener.Peaks.Add(now, listener.Queue);
            }
        }
    }

    // A socket seen for the first time counts from its birth: after a restart of this daemon the counter goes on where it was.
    private ulong DropsSince(in Member member)
    {
        if (member.Drops is not { } drops)
        {
            return 0;
        }

        ref Drops known = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(dropsByCookie, member.Cookie, out _);
        uint increase = unchecked(drops - known.Count);
        known = new Drops(drops, round);
        return increase;
    }

    private void Forget()
    {
        if (dropsByCookie.Count > members.Count)
        {
            foreach ((ulong cookie, Drops drops) in dropsByCookie)
            {
                if (round - drops.Round > MissedRounds)
                {
                    dropsByCookie.Remove(cookie);
                }
            }
        }

        int closed = listeners.Count;
        foreach (Listener listener in listeners.Values)
        {
            closed -= listener.Round == round ? 1 : 0;
        }

        if (closed > Remembered)
        {
            foreach (((InetAddress, ushort) key, _) in listeners.Where(entry => entry.Value.Round != round).OrderBy(entry => entry.Value.Round).Take(closed - Remembered).ToList())
            {
                listeners.Remove(key);
            }
        }
    }

    private ListenersReading Read(CollectContext context)
    {
        open.Clear();
        foreach (Listener listener in listeners.Values)
        {
            if (listener.Round == round)
            {
                open.Add(listener);
            }
        }

        int hidden = Math.Max(0, open.Count - shown);
        context.Drop("conn_listener_accept_queue", hidden);
        if (hidden > 0)
        {
            open.Sort(FullestFirst);
            open.RemoveRange(shown, hidden);
        }

        open.Sort(ByPort);
        bool drops = members.TrueForAll(member => member.Drops is not null);
        var rows = new ListenersReading.Row[open.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            Listener listener = open[i];
            rows[i] = new(listener.Address, listener.Port, listener.Queue, listener.Limit, listener.Peaks.Peak, drops ? listener.Drops : null);
        }

        return new ListenersReading(kernel.Namespace, rows);
    }

    private static int ByPort(Listener a, Listener b)
    {
        int order = a.Port.Length.CompareTo(b.Port.Length);
        order = order != 0 ? order : string.CompareOrdinal(a.Port, b.Port);
        return order != 0 ? order : string.CompareOrdinal(a.Address, b.Address);
    }

    // The older first where nothing else tells them apart, so that rows stay.
    private static int FullestFirst(Listener a, Listener b)
    {
        int order = b.Fullness.CompareTo(a.Fullness);
        order = order != 0 ? order : b.Drops.CompareTo(a.Drops);
        return order != 0 ? order : a.Number.CompareTo(b.Number);
    }

    private readonly record struct Member(InetAddress Address, ushort Port, ulong Cookie, uint Queue, uint Limit, uint? Drops);

    private readonly record struct Drops(uint Count, uint Round);

    private sealed class Listener(string address, string port, ulong number)
    {
        public string Address { get; } = address;

        public string Port { get; } = port;

        /// <summary>In the order in which they were first seen.</summary>
        public ulong Number { get; } = number;

        public uint Queue { get; private set; }

        public uint Limit { get; private set; }

        public ulong Drops { get; set; }

        public uint Round { get; private set; }

        public PeakWindow Peaks { get; } = new();

        // The queue holds one more than its limit (net/core/sock.c, sk_acceptq_is_full).
        public double Fullness => Queue / (Limit + 1.0);

        public void Add(uint queue, uint limit, uint round)
        {
            if (Round != round || queue / (limit + 1.0) > Fullness)
            {
                (Queue, Limit) = (queue, limit);
            }

            Round = round;
        }
    }
}

/// <summary>The listeners at one time.</summary>
internal sealed class ListenersReading : Reading
{
    private static readonly MetricFamily Queue = MetricFamily.Gauge(
        "conn_listener_accept_queue", "Connections that wait to be accepted; of the fullest socket where several share the address (SO_REUSEPORT).", "netns", "address", "port");

    private static readonly MetricFamily Limit = MetricFamily.Gauge(
        "conn_listener_accept_queue_limit", "Backlog in force, min(listen(), somaxconn). The queue holds one more before it overflows.", "netns", "address", "port");

    private static readonly MetricFamily Peak = MetricFamily.Gauge(
        "conn_listener_accept_queue_peak", "Longest accept queue seen in the last 60 s.", "netns", "address", "port");

    private static readonly MetricFamily Drops = MetricFamily.Counter(
        "conn_listener_drops_total", "Increases of sk_drops: connection attempts turned away, mostly because the accept queue was full.", "netns", "address", "port");

    private readonly string netns;

    public ListenersReading(string netns, Row[] rows)
    {
        this.netns = netns;
        Rows = [.. rows];
    }

    /// <summary>The listeners, by port.</summary>
    public ImmutableArray<Row> Rows { get; }

    /// <summary>Whether an accept queue has overflowed: it holds one more than its limit.</summary>
    public bool HasFullQueue => Rows.Any(row => row.Queue > row.Limit);

    public override void Write(ExpositionWriter page)
    {
        foreach (Row row in Rows)
        {
            page.Write(Queue, row.Queue, netns, row.Address, row.Port);
        }

        foreach (Row row in Rows)
        {
            page.Write(Limit, row.Limit, netns, row.Address, row.Port);
        }

        foreach (Row row in Rows)
        {
            page.Write(Peak, row.Peak, netns, row.Address, row.Port);
        }

        foreach (Row row in Rows)
        {
            page.Write(Drops, row.Drops, netns, row.Address, row.Port);
        }
    }

    /// <summary>One address and port. Drops are null where this kernel does not tell them.</summary>
    internal sealed record Row(string Address, string Port, ulong Queue, ulong Limit, ulong Peak, ulong? Drops);
}
