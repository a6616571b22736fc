using System.Diagnostics;

namespace ConnExporter.SocketLab;

/// <summary>What a mix is made of; all counts are sockets unless said otherwise.</summary>
public sealed record MixPlan
{
    /// <summary>Connections over 127.0.0.1, two ESTABLISHED sockets each.</summary>
    public int EstablishedV4 { get; init; }

    /// <summary>Connections over ::1, two ESTABLISHED sockets each.</summary>
    public int EstablishedV6 { get; init; }

    /// <summary>Connections to a dual-stack listener over IPv4, two ESTABLISHED sockets each.</summary>
    public int EstablishedMapped { get; init; }

    /// <summary>CLOSE_WAIT whose peer has closed and is gone: what a leak looks like when the clients are elsewhere.</summary>
    public int CloseWait { get; init; }

    /// <summary>FIN_WAIT2 with an open descriptor; each has a CLOSE_WAIT at its other end.</summary>
    public int FinWait2 { get; init; }

    /// <summary>FIN_WAIT2 minisockets of closed descriptors; each has a CLOSE_WAIT at its other end. They live 60 s.</summary>
    public int Orphans { get; init; }

    /// <summary>TIME_WAIT; they live 60 s.</summary>
    public int TimeWait { get; init; }

    /// <summary>SYN_SENT to addresses behind the dummy device.</summary>
    public int SynSent { get; init; }

    /// <summary>Request sockets of listeners, from spoofed addresses behind the dummy device.</summary>
    public int SynRecv { get; init; }

    /// <summary>FIN_WAIT1: the FIN went to the dummy device.</summary>
    public int FinWait1 { get; init; }

    /// <summary>LAST_ACK: the peer has closed, our FIN went to the dummy device.</summary>
    public int LastAck { get; init; }

    /// <summary>CLOSING: both FINs are out, ours is not acknowledged.</summary>
    public int Closing { get; init; }

    /// <summary>Listeners beyond those that the connections need.</summary>
    public int Listen { get; init; }

    /// <summary>The families that states other than ESTABLISHED are spread over, in turn.</summary>
    public IReadOnlyList<Family> Families { get; init; } = [Family.V4, Family.V6, Family.Mapped];

    /// <summary>An address of the dummy device, with a /24 around it.</summary>
    public string DeviceV4 { get; init; } = "10.99.0.1";

    /// <summary>An address of the dummy device, with a /64 around it.</summary>
    public string DeviceV6 { get; init; } = "fd99::1";
}

/// <summary>Sockets in known states, all in the network namespace of the process.</summary>
public sealed class Mix : IDisposable
{
    /// <summary>Connections to one listener: below the ephemeral ports that one destination has.</summary>
    private const int PairsPerListener = 10_000;

    /// <summary>Retries of SYN and SYN-ACK for half-open sockets, so that they outlive every test.</summary>
    private const int ManyRetries = 30;
    private const int Batch = 500;
    private const uint FirstSequence = 1_000_000;
    private const ushort DiscardPort = 9;
    private const int MinisocketLifeMilliseconds = 60_000;

    private readonly MixPlan plan;
    private readonly List<int> sockets = [];
    private readonly List<int> unanswered = [];
    private readonly Dictionary<Family, (int Socket, ushort Port, int Pairs)> listeners = [];
    private readonly List<(Endpoint Source, Endpoint Destination)> syns = [];
    private readonly Segment segment = new();
    private readonly Endpoint device4;
    private readonly Endpoint device6;
    private int peers;

    /// <summary>A mix; nothing is made yet.</summary>
    public Mix(MixPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        this.plan = plan;
        device4 = Endpoint.Parse(plan.DeviceV4);
        device6 = Endpoint.Parse(plan.DeviceV6);
    }

    /// <summary>What was made.</summary>
    public Expectation Expected { get; } = new();

    /// <summary>Makes all sockets; those that live 60 s come last.</summary>
    public void Make()
    {
        int descriptors = (2 * (plan.EstablishedV4 + plan.EstablishedV6 + plan.EstablishedMapped + plan.FinWait2 + Batch)) + plan.CloseWait + plan.Orphans
            + plan.SynSent + plan.FinWait1 + plan.LastAck + plan.Closing + plan.Listen + Batch;
        if (Resources.AllowSockets(descriptors) < descriptors)
        {
            throw new InvalidOperationException($"{descriptors} descriptors are more than RLIMIT_NOFILE permits");
        }

        long room = Resources.Sysctl("net/ipv4/tcp_max_tw_buckets", long.MaxValue);
        if (plan.TimeWait + plan.Orphans > room)
        {
            throw new InvalidOperationException($"{plan.TimeWait + plan.Orphans} minisockets are more than net.ipv4.tcp_max_tw_buckets = {room}");
        }

        for (int i = 0; i < plan.Listen; i++)
        {
            Listen(FamilyOf(i), 1);
        }

        Establish(Family.V4, plan.EstablishedV4);
        Establish(Family.V6, plan.EstablishedV6);
        Establish(Family.Mapped, plan.EstablishedMapped);
        MakeCloseWait();
        MakeFinWait2(plan.FinWait2, orphaned: false);
        MakeSynSent();
        MakeUnanswered();
        MakeSynRecv();

        long start = Stopwatch.GetTimestamp();
        MakeFinWait2(plan.Orphans, orphaned: true);
        MakeTimeWait();

        // A SYN that a full backlog queue of the device dropped is sent once more; to the others it is a retransmission.
        SendSyns();
        Settle();
        if (Expected.Minisockets > 0)
        {
            Expected.ValidMilliseconds = MinisocketLifeMilliseconds - (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }

    /// <summary>Closes what it holds.</summary>
    public void Dispose()
    {
        segment.Dispose();
        foreach (int socket in sockets)
        {
            Tcp.Close(socket);
        }

        sockets.Clear();

        // Closed the usual way they would stay for minutes, orphans that wait for an answer.
        foreach (int socket in unanswered)
        {
            Tcp.Vanish(socket);
        }

        unanswered.Clear();
    }

    /// <summary>Waits until the kernel's own totals have stopped moving.</summary>
    private static void Settle()
    {
        long start = Stopwatch.GetTimestamp();
        string before = string.Empty;
        for (int same = 0; same < 3;)
        {
            string now = File.ReadAllText("/proc/net/sockstat") + (File.Exists("/proc/net/sockstat6") ? File.ReadAllText("/proc/net/sockstat6") : string.Empty);
            now = string.Join('\n', now.Split('\n').Where(line => line.StartsWith("TCP", StringComparison.Ordinal)).Select(WithoutHostWide));
            same = now == before ? same + 1 : 0;
            before = now;
            if (Stopwatch.GetElapsedTime(start) > Tcp.Patience)
            {
                throw new TimeoutException("the sockets of this namespace keep changing");
            }

            Thread.Sleep(20);
        }

        // orphan, alloc and mem are of the whole host.
        static string WithoutHostWide(string line)
        {
            string[] words = line.Split(' ');
            return string.Join(' ', words.Where((word, i) => i == 0 || (i % 2 == 1 ? word : words[i - 1]) is "inuse" or "tw"));
        }
    }

    private Family FamilyOf(int i) => plan.Families[i % plan.Families.Count];

    private int Keep(int socket)
    {
        sockets.Add(socket);
        return socket;
    }

    private (int Socket, ushort Port) Listen(Family family, int backlog)
    {
        Endpoint endpoint = family switch
        {
            Family.V4 => new Endpoint(false, 0, 0),
            Family.V6 => Endpoint.AnyV6,
            _ => Endpoint.AnyV6,
        };
        int socket = Keep(Tcp.Listen(endpoint, backlog, out ushort port, dualStack: family == Family.Mapped));
        Expected.Add(SocketState.Listen, endpoint.IsV6);
        return (socket, port);
    }

    private Pair Connect(Family family)
    {
        if (!listeners.TryGetValue(family, out (int Socket, ushort Port, int Pairs) listener) || listener.Pairs == PairsPerListener)
        {
            (int socket, ushort port) = Listen(family, 16);
            listener = (socket, port, 0);
        }

        listeners[family] = listener with { Pairs = listener.Pairs + 1 };
        Endpoint target = family == Family.V6 ? Endpoint.LoopbackV6 : Endpoint.LoopbackV4;
        if (family == Family.Mapped && listener.Pairs % 2 == 1)
        {
            target = target.ToMapped();
        }

        int client = Tcp.Create(target.IsV6);
        Tcp.Connect(client, target.WithPort(listener.Port));
        int server = Tcp.Accept(listener.Socket);
        return new Pair(client, target.IsV6, server, family != Family.V4);
    }

    /// <summary>Connections to listeners that nothing connects to before or after, with all ends open.</summary>
    /// <remarks>
    /// All are open before the first is closed: connect() could otherwise pick a port again whose old connection is still a TIME_WAIT here (which
    /// it recycles) or a CLOSE_WAIT there (which it kills).
    /// </remarks>
    private List<Pair> ConnectAll(int count, Func<int, Family> familyOf)
    {
        listeners.Clear();
        var pairs = new List<Pair>(count);
        for (int i = 0; i < count; i++)
        {
            pairs.Add(Connect(familyOf(i)));
        }

        return pairs;
    }

    private void Establish(Family family, int count)
    {
        foreach (Pair pair in ConnectAll(count, _ => family))
        {
            Keep(pair.Client);
            Keep(pair.Server);
            Expected.Add(SocketState.Established, pair.ClientIsV6);
            Expected.Add(SocketState.Established, pair.ServerIsV6);
        }
    }

    private void MakeCloseWait()
    {
        foreach (Pair pair in HalfClose(plan.CloseWait))
        {
            Tcp.Vanish(pair.Client);
            Keep(pair.Server);
            Expected.Add(SocketState.CloseWait, pair.ServerIsV6);
        }
    }

    private void MakeFinWait2(int count, bool orphaned)
    {
        // Above 60 s the kernel keeps a full socket for a while, which is another thing to count.
        if (orphaned && count > 0 && Resources.Sysctl("net/ipv4/tcp_fin_timeout", 60) > 60)
        {
            throw new InvalidOperationException("net.ipv4.tcp_fin_timeout is above 60: orphans would not become minisockets");
        }

        foreach (Pair pair in HalfClose(count))
        {
            Keep(pair.Server);
            Expected.Add(SocketState.FinWait2, pair.ClientIsV6);
            Expected.Add(SocketState.CloseWait, pair.ServerIsV6);
            if (orphaned)
            {
                Tcp.Close(pair.Client);
                Expected.Minisockets++;
            }
            else
            {
                Keep(pair.Client);
            }
        }
    }

    private void MakeTimeWait()
    {
        foreach (Pair pair in HalfClose(plan.TimeWait))
        {
            // With its own descriptor still open the client shows CLOSE once the minisocket has taken its place.
            Tcp.Close(pair.Server);
            Tcp.WaitFor(pair.Client, SocketState.Close);
            Tcp.Close(pair.Client);
            Expected.Add(SocketState.TimeWait, pair.ClientIsV6);
            Expected.Minisockets++;
        }
    }

    /// <summary>Connections whose client has sent its FIN: FIN_WAIT2 at one end, CLOSE_WAIT at the other, both open and neither counted yet.</summary>
    private IEnumerable<Pair> HalfClose(int count)
    {
        // In batches, each with listeners of its own: RLIMIT_NOFILE need not hold both ends of all of them.
        for (int done = 0; done < count; done += Batch)
        {
            List<Pair> pairs = ConnectAll(Math.Min(Batch, count - done), FamilyOf);
            foreach (Pair pair in pairs)
            {
                Tcp.ShutdownWrite(pair.Client);
            }

            // All at once: the acknowledgement of a FIN is delayed by up to 40 ms.
            foreach (Pair pair in pairs)
            {
                Tcp.WaitFor(pair.Client, SocketState.FinWait2);
                Tcp.WaitFor(pair.Server, SocketState.CloseWait);
            }

            foreach (Pair pair in pairs)
            {
                yield return pair;
            }
        }
    }

    /// <summary>Another address and port behind the dummy device.</summary>
    private (Endpoint Local, Endpoint Remote) NextPeer(Family family)
    {
        const int Addresses = 250;
        const int Ports = 20_000;
        const ushort FirstPort = 10_000;
        int n = peers++;
        Endpoint device = family == Family.V6 ? device6 : device4;
        var remote = new Endpoint(device.IsV6, (device.Address & ~(UInt128)0xff) + 2 + (UInt128)(n % Addresses), DiscardPort);
        return (device.WithPort((ushort)(FirstPort + (n % Ports))), remote);
    }

    private void MakeSynSent()
    {
        for (int i = 0; i < plan.SynSent; i++)
        {
            Family family = FamilyOf(i);
            Endpoint remote = NextPeer(family).Remote;
            remote = family == Family.Mapped ? remote.ToMapped() : remote;
            int socket = Keep(Tcp.Create(remote.IsV6, blocking: false));
            Tcp.SetTcp(socket, LibC.TcpSynCount, ManyRetries, "TCP_SYNCNT");
            Tcp.Connect(socket, remote);
            Expected.Add(SocketState.SynSent, remote.IsV6);
        }
    }

    /// <summary>FIN_WAIT1, LAST_ACK, CLOSING: connections to peers that never were, which then seem to close.</summary>
    private void MakeUnanswered()
    {
        MakeUnanswered(SocketState.FinWait1, plan.FinWait1, peerCloses: false, weCloseFirst: true);
        MakeUnanswered(SocketState.LastAck, plan.LastAck, peerCloses: true, weCloseFirst: false);
        MakeUnanswered(SocketState.Closing, plan.Closing, peerCloses: true, weCloseFirst: true);
    }

    private void MakeUnanswered(SocketState state, int count, bool peerCloses, bool weCloseFirst)
    {
        for (int i = 0; i < count; i++)
        {
            Family family = FamilyOf(i);
            (Endpoint local, Endpoint remote) = NextPeer(family);
            int socket = family == Family.Mapped
                ? Tcp.Repair(local.ToMapped(), remote.ToMapped(), FirstSequence)
                : Tcp.Repair(local, remote, FirstSequence);
            unanswered.Add(socket);
            if (weCloseFirst)
            {
                Tcp.ShutdownWrite(socket);
                Tcp.WaitFor(socket, SocketState.FinWait1);
            }

            if (peerCloses)
            {
                segment.Send(remote, local, FirstSequence, FirstSequence, Segment.Fin | Segment.Ack);
                Tcp.WaitFor(socket, weCloseFirst ? SocketState.Closing : SocketState.CloseWait);
            }

            if (!weCloseFirst)
            {
                Tcp.ShutdownWrite(socket);
            }

            Tcp.WaitFor(socket, state);
            Expected.Add(state, family != Family.V4);
        }
    }

    private void MakeSynRecv()
    {
        // Above half of its backlog a listener gives up on old requests early, above all of it it sends cookies instead of keeping requests.
        int backlog = (int)Math.Min(4096, Resources.Sysctl("net/core/somaxconn", 128));
        int perListener = (backlog / 2) - 8;
        var current = new Dictionary<Family, (ushort Port, int Requests)>();
        for (int i = 0; i < plan.SynRecv; i++)
        {
            Family family = FamilyOf(i);
            if (!current.TryGetValue(family, out (ushort Port, int Requests) listener) || listener.Requests == perListener)
            {
                (int socket, ushort port) = Listen(family, backlog);
                Tcp.SetTcp(socket, LibC.TcpSynCount, ManyRetries, "TCP_SYNCNT");
                listener = (port, 0);
            }

            current[family] = (listener.Port, listener.Requests + 1);
            (Endpoint local, Endpoint remote) = NextPeer(family);
            syns.Add((remote.WithPort((ushort)(20_000 + (i % 40_000))), local.WithPort(listener.Port)));
            Expected.Add(SocketState.SynRecv, family != Family.V4);
            Expected.Requests++;
        }

        SendSyns();
    }

    private void SendSyns()
    {
        const int Burst = 200;
        for (int i = 0; i < syns.Count; i++)
        {
            segment.Send(syns[i].Source, syns[i].Destination, FirstSequence, 0, Segment.Syn);
            if (i % Burst == Burst - 1)
            {
                Thread.Sleep(1);
            }
        }
    }

    /// <summary>The two ends of a connection over loopback.</summary>
    private readonly record struct Pair(int Client, bool ClientIsV6, int Server, bool ServerIsV6);
}
