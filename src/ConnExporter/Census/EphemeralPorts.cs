using System.Collections;
using System.Runtime.CompilerServices;
using ConnExporter.Counting;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Census;

/// <summary>
/// Which ephemeral ports a walk saw in use, and towards whom. The kernel hands a port out once for each source, destination and destination port;
/// a TIME_WAIT socket holds its port unless tcp_tw_reuse lets connect() take it over (docs/kernel-facts.md §3).
/// </summary>
internal sealed class EphemeralPorts
{
    private readonly BitArray inUse = new(ushort.MaxValue + 1);
    private readonly BitArray blocked = new(ushort.MaxValue + 1);

    // From the last walk that asked for them.
    private readonly BitArray bound = new(ushort.MaxValue + 1);
    private PortRange range;
    private TimeWaitReuse reuse;

    public EphemeralPorts(int bound) => Destinations = new BoundedCounts<Destination>(bound, Kinds);

    /// <summary>Ports by destination, in the kinds <see cref="Live"/>, <see cref="TimeWait"/> and <see cref="ReusableTimeWait"/>.</summary>
    public BoundedCounts<Destination> Destinations { get; }

    public const int Live = 0;
    public const int TimeWait = 1;
    public const int ReusableTimeWait = 2;
    public const int Kinds = 3;

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
    /// <param name="timeWaitReuse">When connect() may take over a TIME_WAIT socket.</param>
    /// <param name="withBound">Whether the walk shows sockets that are bound and not connected; otherwise those of an earlier walk hold.</param>
    public void Begin(PortRange settings, TimeWaitReuse timeWaitReuse, bool withBound)
    {
        range = settings;
        reuse = timeWaitReuse;
        inUse.SetAll(false);
        blocked.SetAll(false);
        InUse = Blocked = 0;
        Destinations.Clear();
        if (withBound)
        {
            bound.SetAll(false);
            return;
        }

        for (int port = range.First; port <= range.Last; port++)
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
        int kind = socket.State != TcpState.TimeWait ? Live : reuse.Permits(socket) ? ReusableTimeWait : TimeWait;
        Destinations.Add(destination, kind);
    }

    /// <summary>A socket of whatever kind.</summary>
    public void AddInUse(ushort port)
    {
        if (Contains(port) && !inUse[port])
        {
            inUse[port] = true;
            InUse++;
        }
    }

    private bool Contains(ushort port) => port >= range.First && port <= range.Last;
}

/// <summary>When connect() may take over a TIME_WAIT socket (net/ipv4/tcp_ipv4.c:tcp_twsk_unique).</summary>
/// <param name="Mode"><c>net.ipv4.tcp_tw_reuse</c>: 0 never, 1 always, 2 on loopback.</param>
/// <param name="Timestamps">Whether <c>net.ipv4.tcp_timestamps</c> is on; without them never.</param>
/// <param name="Delay"><c>net.ipv4.tcp_tw_reuse_delay</c>; a second before Linux 6.14.</param>
internal readonly record struct TimeWaitReuse(ulong Mode, bool Timestamps, TimeSpan Delay)
{
    private static readonly TimeSpan TimeWaitLength = TimeSpan.FromSeconds(60);

    /// <summary>Whether this TIME_WAIT socket can be taken over by now.</summary>
    public bool Permits(in SocketRecord socket) => Timestamps
        && (Mode == 1 || (Mode == 2 && (socket.LocalAddress.IsLoopback || socket.RemoteAddress.IsLoopback)))
        && TimeWaitLength - socket.Expires > Delay;
}
