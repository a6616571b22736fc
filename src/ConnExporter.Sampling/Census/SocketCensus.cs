using System.Runtime.CompilerServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Census;

/// <summary>Aggregates one full walk over the sockets of a network namespace in place: nothing is kept for a socket, every table has a bound.</summary>
internal sealed class SocketCensus
{
    private readonly int foldV4;
    private readonly int foldV6;

    public SocketCensus(CensusOptions options)
    {
        foldV4 = options.FoldV4;
        foldV6 = options.FoldV6;
        Ports = new EphemeralPorts(options.Keys);
        Remotes = new BoundedCounts<Remote>(options.Keys, Directions);
        RemotePorts = new BoundedCounts<RemotePort>(options.Keys, TcpTable.StateCount);
        Units = new BoundedCounts<UnitKey>(options.Keys, TcpTable.StateCount);
        Unanswered = new BoundedCounts<Target>(options.Keys, 1);
    }

    public const int Inbound = 0;
    public const int Outbound = 1;
    public const int Directions = 2;

    public SocketTotals Totals { get; } = new();

    public ListenerSockets Listeners { get; } = new();

    /// <summary>Those whose application does not read; what earlier walks of the network namespace know of them.</summary>
    public StalledSockets Stalled { get; set; } = new();

    public EphemeralPorts Ports { get; }

    /// <summary>Sockets by peer and direction.</summary>
    public BoundedCounts<Remote> Remotes { get; }

    /// <summary>Outbound sockets by destination port and state.</summary>
    public BoundedCounts<RemotePort> RemotePorts { get; }

    /// <summary>Sockets by what their unit is found by, and state.</summary>
    public BoundedCounts<UnitKey> Units { get; }

    /// <summary>Connections in SYN_SENT whose SYN had to be sent again, by whom they are meant for.</summary>
    public BoundedCounts<Target> Unanswered { get; }

    /// <summary>Starts a walk, see <see cref="EphemeralPorts.Begin"/>.</summary>
    public void Begin(PortRange range, PortSet? reserved, TimeWaitReuse reuse, bool withBound)
    {
        Totals.Clear();
        Listeners.Clear();
        Stalled.Begin();
        Ports.Begin(range, reserved, reuse, withBound);
        Remotes.Clear();
        RemotePorts.Clear();
        Units.Clear();
        Unanswered.Clear();
    }

    /// <summary>Whether a socket is no connection but only holds a port; those come before all others but listeners.</summary>
    public static bool IsBoundOnly(in SocketRecord socket) => socket.State == TcpState.Close && socket.RemotePort == 0;

    /// <summary>Takes one socket. Listeners and bound sockets come before all others (net/ipv4/inet_diag.c:inet_diag_dump_icsk).</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="unit">What its unit is found by.</param>
    /// <returns>What its process is to be known for.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public SocketTraits Add(in SocketRecord socket, UnitKey unit)
    {
        if (IsBoundOnly(socket))
        {
            Ports.AddBound(socket.LocalPort);
            return SocketTraits.None;
        }

        Units.Add(unit, (int)socket.State);
        if (socket.State == TcpState.Listen)
        {
            Totals.AddListener();
            Listeners.AddListener(socket);
            Ports.AddBlocked(socket.LocalPort);
            return SocketTraits.None;
        }

        bool inbound = Listeners.TryAdd(socket);
        Totals.Add(socket, inbound);
        SocketTraits traits = Stalled.Add(socket) && Totals.AddUnread(socket) ? SocketTraits.NotReading : SocketTraits.None;
        traits |= socket.IsProbingZeroWindow ? SocketTraits.ZeroWindow : SocketTraits.None;
        Remotes.Add(new Remote(Fold(socket.RemoteAddress)), inbound ? Inbound : Outbound);
        Ports.AddInUse(socket.LocalPort);
        if (inbound)
        {
            return traits;
        }

        Ports.AddOutbound(socket);
        RemotePorts.Add(new RemotePort(socket.RemotePort), (int)socket.State);
        if (socket.State == TcpState.SynSent && socket.Retransmits > 0)
        {
            Unanswered.Add(new Target(socket.RemoteAddress, socket.RemotePort), 0);
        }

        return traits | SocketTraits.Outbound;
    }

    /// <summary>A peer as the page names it: its address, or its prefix where peers are folded.</summary>
    public string Name(Remote remote)
    {
        int bits = remote.Address.IsV4 ? foldV4 : foldV6;
        return bits == (remote.Address.IsV4 ? 32 : 128) ? remote.Address.ToString() : $"{remote.Address}/{bits}";
    }

    private InetAddress Fold(InetAddress address) => address.IsV4 ? address.Mask(96 + foldV4) : address.Mask(foldV6);
}

/// <summary>What a process is to be known for, besides the states of its sockets.</summary>
[Flags]
internal enum SocketTraits
{
    None = 0,

    /// <summary>Connected from here.</summary>
    Outbound = 1,

    /// <summary>Open, accepted, and what came in is not read.</summary>
    NotReading = 2,

    /// <summary>The peer has closed its window.</summary>
    ZeroWindow = 4,
}
