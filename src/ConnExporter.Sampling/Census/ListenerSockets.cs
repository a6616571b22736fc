using System.Collections;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Census;

/// <summary>The sockets of a walk by the listener that they came in through. The kernel shows listeners before everything else.</summary>
internal sealed class ListenerSockets
{
    private static readonly InetAddress AnyV4 = InetAddress.ReadV4([0, 0, 0, 0]);
    private static readonly InetAddress AnyV6 = new(0, 0);

    private readonly BitArray ports = new(ushort.MaxValue + 1);
    private readonly Dictionary<(InetAddress Address, ushort Port), Listener> listeners = [];

    // Apart, so that all others are found by less.
    private readonly Dictionary<(InetAddress Address, ushort Port, uint Interface), Listener> bound = [];

    /// <summary>The listeners of this walk.</summary>
    public IEnumerable<Listener> All => listeners.Values.Concat(bound.Values);

    /// <summary>How many there are.</summary>
    public int Count => listeners.Count + bound.Count;

    /// <summary>The listener that the socket counted last came in through; null where it came in through none, or is one.</summary>
    public Listener? Last { get; private set; }

    public void Clear()
    {
        ports.SetAll(false);
        listeners.Clear();
        bound.Clear();
        Last = null;
    }

    /// <summary>Whether anybody listens on the port, on whatever address.</summary>
    public bool IsListened(ushort port) => ports[port];

    /// <summary>Takes note of a listener; several that share address and interface count as one.</summary>
    public void AddListener(in SocketRecord socket)
    {
        ports[socket.LocalPort] = true;
        Last = null;
        uint device = socket.Interface;
        Listener? listener;
        if (device != 0)
        {
            (InetAddress, ushort, uint) key = (socket.LocalAddress, socket.LocalPort, device);
            if (!bound.TryGetValue(key, out listener))
            {
                listener = new Listener(socket.LocalAddress, socket.LocalPort, device);
                bound.Add(key, listener);
            }
        }
        else if (!listeners.TryGetValue((socket.LocalAddress, socket.LocalPort), out listener))
        {
            listener = new Listener(socket.LocalAddress, socket.LocalPort, 0);
            listeners.Add((socket.LocalAddress, socket.LocalPort), listener);
        }

        listener.AddMember(socket);
    }

    /// <summary>Counts a socket with its listener.</summary>
    /// <returns>False where it has none: it was connected from here, or its listener is closed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryAdd(in SocketRecord socket)
    {
        ushort port = socket.LocalPort;
        Last = null;
        if (!ports[port])
        {
            return false;
        }

        // A dual-stack listener is shown as ::, its IPv4 connections as IPv4.
        InetAddress address = socket.LocalAddress;
        Listener? listener = null;
        if (!(bound.Count > 0 && TryFindBound(address, port, socket.Interface, out listener))
            && !listeners.TryGetValue((address, port), out listener)
            && !(address.IsV4 && listeners.TryGetValue((AnyV4, port), out listener))
            && !listeners.TryGetValue((AnyV6, port), out listener))
        {
            return false;
        }

        listener!.Add(socket);
        Last = listener;
        return true;
    }

    // Connections are bound to the interface of their listener; those of link-local addresses to theirs, whoever listens.
    private bool TryFindBound(InetAddress address, ushort port, uint device, out Listener? listener)
    {
        listener = null;
        return device != 0
            && (bound.TryGetValue((address, port, device), out listener)
                || (address.IsV4 && bound.TryGetValue((AnyV4, port, device), out listener))
                || bound.TryGetValue((AnyV6, port, device), out listener));
    }
}

/// <summary>One listening address and port, and the sockets that came in through it.</summary>
internal sealed class Listener(InetAddress address, ushort port, uint device)
{
    /// <summary>The number of the interface that it is bound to; 0 for none.</summary>
    public uint Interface { get; } = device;

    public InetAddress Address { get; } = address;

    public ushort Port { get; } = port;

    private const double TroubledFrom = 0.5;
    private const int MostServers = 4;
    private readonly int[] servers = new int[MostServers];
    private int serverCount;
    private uint fullest;

    /// <summary>Inode of the member that was seen first.</summary>
    public uint Inode { get; private set; }

    /// <summary>Inode of the member that stands for all: the fullest where one is in trouble, else the one that was seen first.</summary>
    public uint TellingInode => Fullness >= TroubledFrom ? fullest : Inode;

    /// <summary>Whether it is worth knowing who serves it: connections wait.</summary>
    public bool IsTroubled => Fullness >= TroubledFrom || UnacceptedCloseWait > 0 || OwnerlessCloseWait > 0;

    /// <summary>Cgroup of that member; 0 where the kernel does not tell.</summary>
    public ulong Cgroup { get; private set; }

    /// <summary>How full the accept queue of the fullest member is; 1 is full.</summary>
    public double Fullness { get; private set; }

    /// <summary>Request sockets: the SYN queue.</summary>
    public ulong SynQueue { get; private set; }

    /// <summary>Those of them whose SYN-ACK had to be sent again: nobody answers it within a second.</summary>
    public ulong Unanswered { get; private set; }

    public ulong Established { get; private set; }

    public ulong CloseWait { get; private set; }

    public ulong Other { get; private set; }

    /// <summary>
    /// Connections that nobody has accepted, open or closed by the peer: they belong to no file (<c>sk_socket</c>), which in ESTABLISHED and CLOSE_WAIT
    /// nothing else does (net/ipv4/tcp.c:__tcp_close leaves both).
    /// </summary>
    public ulong Unaccepted { get; private set; }

    /// <summary>Those of them that the peer has closed.</summary>
    public ulong UnacceptedCloseWait { get; private set; }

    /// <summary>Sockets in CLOSE_WAIT that somebody has accepted and of which no holder is known.</summary>
    public ulong OwnerlessCloseWait { get; private set; }

    /// <summary>Processes that hold connections which came in through it, as indices of the owners; the first few seen.</summary>
    public ReadOnlySpan<int> Servers => servers.AsSpan(0, serverCount);

    /// <summary>Everything that came in through it, but for the SYN queue.</summary>
    public ulong Connections => Established + CloseWait + Other;

    public void AddMember(in SocketRecord socket)
    {
        if (Inode == 0)
        {
            Inode = socket.Inode;
            Cgroup = socket.TryGetCgroup(out ulong id) ? id : 0;
        }

        double fullness = socket.ReceiveQueue / (socket.SendQueue + 1.0);
        if (fullness > Fullness)
        {
            fullest = socket.Inode;
        }

        Fullness = Math.Max(Fullness, fullness);
    }

    /// <summary>Takes note of who holds the connection that was added last.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="owner">Its process as an index; -1 where it is not known.</param>
    public void NoteHolder(in SocketRecord socket, int owner)
    {
        if (owner < 0)
        {
            OwnerlessCloseWait += socket.State == TcpState.CloseWait && socket.Inode != 0 ? 1u : 0u;
        }
        else if (serverCount == 0 || (servers[serverCount - 1] != owner && serverCount < MostServers && !Servers.Contains(owner)))
        {
            servers[serverCount++] = owner;
        }
    }

    public void Add(in SocketRecord socket)
    {
        switch (socket.State)
        {
            case TcpState.Established:
                Established++;
                Unaccepted += socket.Inode == 0 ? 1u : 0u;
                break;
            case TcpState.CloseWait:
                CloseWait++;
                Unaccepted += socket.Inode == 0 ? 1u : 0u;
                UnacceptedCloseWait += socket.Inode == 0 ? 1u : 0u;
                break;
            case TcpState.SynRecv when !socket.IsFullSocket:
                SynQueue++;
                Unanswered += socket.Retransmits > 0 ? 1u : 0u;
                break;
            default:
                Other++;
                break;
        }
    }
}
