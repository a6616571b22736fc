using System.Collections;
using System.Runtime.CompilerServices;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Census;

/// <summary>
/// Which ephemeral ports a walk saw in use, and towards whom. The kernel hands a port out once for each source, destination and destination port;
/// a TIME_WAIT socket holds its port unless tcp_tw_reuse lets connect() take it over, and a port that bind() took is closed to every connect(), which
/// no record shows (docs/kernel-facts.md §3).
/// </summary>
internal sealed class EphemeralPorts
{
    private readonly BitArray inUse = new(ushort.MaxValue + 1);
    private readonly BitArray blocked = new(ushort.MaxValue + 1);
    private readonly UsablePorts usable = new();

    // Sockets in a VRF or bound to a device are few.
    private readonly Dictionary<Destination, uint> interfaces = [];

    // From the last walk that asked for them.
    private readonly BitArray bound = new(ushort.MaxValue + 1);
    private TimeWaitReuse reuse;

    public EphemeralPorts(int bound) => Destinations = new BoundedCounts<Destination>(bound, Kinds);

    /// <summary>
    /// Ports by destination, in the kinds <see cref="Live"/>, <see cref="TimeWait"/> and <see cref="ReusableTimeWait"/>. The last may be taken over if
    /// their connections had timestamps and their ports did not come from bind().
    /// </summary>
    public BoundedCounts<Destination> Destinations { get; }

    private const int MostInterfaces = 1024;
    public const int Live = 0;
    public const int TimeWait = 1;
    public const int ReusableTimeWait = 2;
    public const int Kinds = 3;

    /// <summary>Ports of the range that are not reserved, as far as that is known.</summary>
    public int Usable => usable.Count;

    /// <summary>Whether it is known which are reserved; otherwise all of the range counts as usable.</summary>
    public bool IsUsableKnown => usable.IsKnown;

    /// <summary>The range in force.</summary>
    public PortRange Range => usable.Range;

    /// <summary>When connect() may take over a TIME_WAIT socket.</summary>
    public TimeWaitReuse Reuse => reuse;

    /// <summary>Distinct ports of the range that anything holds.</summary>
    public int InUse { get; private set; }

    /// <summary>Distinct ports of the range that no connect() gets: listeners, and sockets bound without a connection.</summary>
    public int Blocked { get; private set; }

    /// <summary>The destination that holds the most ports for good, which is without those that connect() may take over.</summary>
    /// <returns>The ports, and whose they are; none without outbound connections.</returns>
    public (ulong Ports, Destination? Destination) Worst()
    {
        long most = 0;
        Destination? worst = null;
        foreach (BoundedCounts<Destination>.Row row in Destinations)
        {
            long held = row.Counts[Live] + row.Counts[TimeWait];
            if (held > most)
            {
                (most, worst) = (held, row.Key);
            }
        }

        return ((ulong)most, worst);
    }

    /// <summary>Starts a walk.</summary>
    /// <param name="settings">The range in force.</param>
    /// <param name="excluded">What is reserved: connect() never chooses it. Null where that could not be read.</param>
    /// <param name="timeWaitReuse">When connect() may take over a TIME_WAIT socket.</param>
    /// <param name="withBound">Whether the walk shows sockets that are bound and not connected; otherwise those of an earlier walk hold.</param>
    public void Begin(PortRange settings, PortSet? excluded, TimeWaitReuse timeWaitReuse, bool withBound)
    {
        usable.Set(settings, excluded);
        reuse = timeWaitReuse;
        inUse.SetAll(false);
        blocked.SetAll(false);
        InUse = Blocked = 0;
        Destinations.Clear();
        interfaces.Clear();
        if (withBound)
        {
            bound.SetAll(false);
            return;
        }

        for (int port = Range.First; port <= Range.Last; port++)
        {
            if (bound[port])
            {
                AddBlocked((ushort)port);
            }
        }
    }

    /// <summary>A socket that is bound and not connected.</summary>
    public void AddBound(ushort port)
    {
        bound[port] = true;
        AddBlocked(port);
    }

    /// <summary>A port that no connect() gets, such as a listener's.</summary>
    public void AddBlocked(ushort port)
    {
        if (Contains(port) && !blocked[port])
        {
            blocked[port] = true;
            Blocked++;
        }

        AddInUse(port);
    }

    /// <summary>A socket with a peer that was connected from here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddOutbound(in SocketRecord socket)
    {
        ushort port = socket.LocalPort;
        if (!Contains(port) || blocked[port])
        {
            return;
        }

        var destination = new Destination(socket.LocalAddress, socket.RemoteAddress, socket.RemotePort);
        if (socket.Interface is not 0 and var networkInterface && (interfaces.Count < MostInterfaces || interfaces.ContainsKey(destination)))
        {
            interfaces[destination] = networkInterface;
        }

        Destinations.Add(destination, KindOf(socket, reuse));
    }

    /// <summary>How a socket holds its port.</summary>
    /// <param name="socket">A socket with a peer.</param>
    /// <param name="reuse">When connect() may take over a TIME_WAIT socket.</param>
    public static int KindOf(in SocketRecord socket, TimeWaitReuse reuse) => socket.State != TcpState.TimeWait ? Live : reuse.Permits(socket) ? ReusableTimeWait : TimeWait;

    /// <summary>The interface that sockets to a destination are bound to, as far as it is remembered; 0 for none.</summary>
    public uint InterfaceOf(Destination destination) => interfaces.GetValueOrDefault(destination);

    /// <summary>Whether connect() may choose the port, as far as the settings go.</summary>
    public bool IsUsable(ushort port) => usable[port];

    /// <summary>Whether anything was seen to hold the port.</summary>
    public bool IsInUse(ushort port) => inUse[port];

    /// <summary>Whether the port is known to be closed to every connect().</summary>
    public bool IsBlocked(ushort port) => blocked[port];

    /// <summary>Whether connect() tries the port only when the others are taken; bind() to port 0 tries these first (net/ipv4/inet_hashtables.c:__inet_hash_connect, inet_connection_sock.c:inet_csk_find_open_port).</summary>
    public bool IsOfBindsHalf(ushort port) => ((port - Range.First) & 1) != 0;

    /// <summary>
    /// Whether this is the first or the last port of a range of an odd number: an attempt looks at one port less than there are, so at one of these two
    /// and at all the others; which one, the hash of the destination says (net/ipv4/inet_hashtables.c:__inet_hash_connect).
    /// </summary>
    public bool IsEnd(ushort port) => Range.Count % 2 != 0 && Range.Count > 1 && (port == Range.First || port == Range.Last);

    /// <summary>Whether one of these is unused.</summary>
    public bool HasUnusedEnd => IsUnusedEnd(Range.First) || IsUnusedEnd(Range.Last);

    /// <summary>A socket of whatever kind.</summary>
    public void AddInUse(ushort port)
    {
        if (Contains(port) && !inUse[port])
        {
            inUse[port] = true;
            InUse++;
        }
    }

    private bool IsUnusedEnd(ushort port) => IsEnd(port) && Contains(port) && !inUse[port];

    private bool Contains(ushort port) => usable[port];
}

/// <summary>When connect() may take over a TIME_WAIT socket, provided that its connection had timestamps (net/ipv4/tcp_ipv4.c:tcp_twsk_unique).</summary>
/// <param name="Mode"><c>net.ipv4.tcp_tw_reuse</c>: 0 never, 1 always, 2 on loopback.</param>
/// <param name="Timestamps">Whether <c>net.ipv4.tcp_timestamps</c> is on; without them never.</param>
/// <param name="Delay"><c>net.ipv4.tcp_tw_reuse_delay</c>; a second before Linux 6.14.</param>
internal readonly record struct TimeWaitReuse(ulong Mode, bool Timestamps, TimeSpan Delay)
{
    /// <summary><c>TCP_TIMEWAIT_LEN</c>, a constant of the mainline kernel.</summary>
    public static readonly TimeSpan MainlineLength = TimeSpan.FromSeconds(60);

    /// <summary>How long TIME_WAIT lasts: <c>net.ipv4.tcp_tw_timeout</c> where the kernel has it, as that of Alibaba Cloud Linux 2 and 3 does.</summary>
    public TimeSpan Length { get; init; } = MainlineLength;

    /// <summary>Whether this TIME_WAIT socket can be taken over by now. One that has longer to wait than they do today began when they took the usual time.</summary>
    public bool Permits(in SocketRecord socket) => Timestamps
        && (Mode == 1 || (Mode == 2 && (socket.LocalAddress.IsLoopback || socket.RemoteAddress.IsLoopback)))
        && (socket.Expires > Length ? MainlineLength : Length) - socket.Expires > Delay;
}
