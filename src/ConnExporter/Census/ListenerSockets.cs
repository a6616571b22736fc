using System.Collections;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Census;

/// <summary>The sockets of a walk by the listener that they came in through. The kernel shows listeners before everything else.</summary>
internal sealed class ListenerSockets
{
    private static readonly InetAddress AnyV4 = InetAddress.ReadV4([0, 0, 0, 0]);
    private static readonly InetAddress AnyV6 = new(0, 0);

    private readonly BitArray ports = new(ushort.MaxValue + 1);
    private readonly Dictionary<(InetAddress Address, ushort Port), Listener> listeners = [];

    /// <summary>The listeners of this walk.</summary>
    public IReadOnlyCollection<Listener> All => listeners.Values;

    public void Clear()
    {
        ports.SetAll(false);
        listeners.Clear();
    }

    /// <summary>Whether anybody listens on the port, on whatever address.</summary>
    public bool IsListened(ushort port) => ports[port];

    /// <summary>Takes note of a listener; several that share the address count as one.</summary>
    public void AddListener(in SocketRecord socket)
    {
        (InetAddress, ushort) key = (socket.LocalAddress, socket.LocalPort);
        ports[socket.LocalPort] = true;
        if (!listeners.TryGetValue(key, out Listener? listener))
        {
            listener = new Listener(socket.LocalAddress, socket.LocalPort);
            listeners.Add(key, listener);
        }

        listener.AddMember(socket);
    }

    /// <summary>Counts a socket with its listener.</summary>
    /// <returns>False where it has none: it was connected from here, or its listener is closed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryAdd(in SocketRecord socket)
    {
        ushort port = socket.LocalPort;
        if (!ports[port])
        {
            return false;
        }

        // A dual-stack listener is shown as ::, its IPv4 connections as IPv4.
        InetAddress address = socket.LocalAddress;
        if (!listeners.TryGetValue((address, port), out Listener? listener)
            && !(address.IsV4 && listeners.TryGetValue((AnyV4, port), out listener))
            && !listeners.TryGetValue((AnyV6, port), out listener))
        {
            return false;
        }

        listener.Add(socket);
        return true;
    }
}

/// <summary>One listening address and port, and the sockets that came in through it.</summary>
internal sealed class Listener(InetAddress address, ushort port)
{
    public InetAddress Address { get; } = address;

    public ushort Port { get; } = port;

    /// <summary>Inode of the member that was seen first.</summary>
    public uint Inode { get; private set; }

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

    /// <summary>Everything that came in through it, but for the SYN queue.</summary>
    public ulong Connections => Established + CloseWait + Other;

    public void AddMember(in SocketRecord socket)
    {
        if (Inode == 0)
        {
            Inode = socket.Inode;
            Cgroup = socket.TryGetCgroup(out ulong id) ? id : 0;
        }

        Fullness = Math.Max(Fullness, socket.ReceiveQueue / (socket.SendQueue + 1.0));
    }

    public void Add(in SocketRecord socket)
    {
        switch (socket.State)
        {
            case TcpState.Established:
                Established++;
                break;
            case TcpState.CloseWait:
                CloseWait++;
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
