using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Who;

/// <summary>The sockets of one network namespace that a question is about.</summary>
/// <param name="Netns">The namespace.</param>
internal sealed record SocketAnswer(string Netns)
{
    /// <summary>Who listens, in the order of ports.</summary>
    public List<ListenerFound> Listeners { get; } = [];

    /// <summary>Connections to ports that something here listens on.</summary>
    public ConnectionsFound Inbound { get; } = new();

    /// <summary>All other connections.</summary>
    public ConnectionsFound Outbound { get; } = new();

    /// <summary>Why it is known from <c>/proc/net/tcp</c> only, without limits, drops and ages; null where sock_diag has told.</summary>
    public string? Missing { get; set; }

    /// <summary>Whether there are some that a process must hold, and none is known to.</summary>
    public bool HasUnknownHolders => Listeners.Concat<Held>([Inbound, Outbound]).Any(held => held.Users.Count > 0 && held.Holders.Count == 0);

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => Listeners.Count == 0 && Inbound.Count == 0 && Outbound.Count == 0;
}

/// <summary>Whatever has holders.</summary>
internal abstract class Held
{
    /// <summary>The processes that hold them, with the most first.</summary>
    public List<HolderFound> Holders { get; } = [];

    /// <summary>Users that made sockets whose process is not known.</summary>
    public SortedSet<uint> Users { get; } = [];
}

/// <summary>The listening sockets of one address and port.</summary>
/// <param name="address">Where it listens.</param>
/// <param name="port">The port.</param>
internal sealed class ListenerFound(InetAddress address, ushort port) : Held
{
    public InetAddress Address { get; } = address;

    public ushort Port { get; } = port;

    /// <summary>How many there are: more than one with SO_REUSEPORT.</summary>
    public int Sockets { get; set; }

    /// <summary>Connections that wait to be accepted, by all of them.</summary>
    public ulong Queue { get; set; }

    /// <summary>Those of the fullest, and its limit; null where that is not known.</summary>
    public (ulong Queue, ulong? Limit) Fullest { get; set; }

    /// <summary>Connections that were turned away since they listen; null where that is not known.</summary>
    public ulong? Drops { get; set; }
}

/// <summary>Connections of one direction.</summary>
internal sealed class ConnectionsFound : Held
{
    // Ends that are counted one by one.
    private const int Bound = 65_536;

    /// <summary>How many, by state.</summary>
    public ulong[] States { get; } = new ulong[TcpTable.StateCount];

    /// <summary>How many.</summary>
    public ulong Count { get; private set; }

    /// <summary>How many by the other end: by address for those that came in, by address and port for those that go out.</summary>
    public Dictionary<string, ulong> Peers { get; } = new(StringComparer.Ordinal);

    /// <summary>Those of ends for which there was no room.</summary>
    public ulong OtherPeers { get; private set; }

    /// <summary>Bytes that nobody here has read.</summary>
    public ulong Unread { get; private set; }

    /// <summary>Bytes that the peers have not acknowledged.</summary>
    public ulong Unacknowledged { get; private set; }

    /// <summary>The longest time in CLOSE_WAIT; null where there is none, or it is not known.</summary>
    public TimeSpan? OldestCloseWait { get; private set; }

    /// <summary>The longest time without data of an established one; null where there is none, or it is not known.</summary>
    public TimeSpan? LongestIdle { get; private set; }

    /// <summary>Counts one.</summary>
    public void Add(in SocketRecord socket, string peer)
    {
        States[(int)socket.State]++;
        Count++;
        if (Peers.TryGetValue(peer, out ulong known) || Peers.Count < Bound)
        {
            Peers[peer] = known + 1;
        }
        else
        {
            OtherPeers++;
        }

        if (!socket.IsFullSocket)
        {
            return;
        }

        Unread += socket.ReceiveQueue;
        Unacknowledged += socket.SendQueue;
        if (socket.State == TcpState.CloseWait && socket.TryGetSinceLastSegment(out TimeSpan age))
        {
            OldestCloseWait = OldestCloseWait > age ? OldestCloseWait : age;
        }

        if (socket.State == TcpState.Established && socket.TryGetIdle(out TimeSpan idle))
        {
            LongestIdle = LongestIdle > idle ? LongestIdle : idle;
        }
    }
}

/// <summary>A process that holds sockets.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Unit">Its unit or container, see <see cref="Kernel.Cgroups.UnitName"/>.</param>
/// <param name="Pid">Its number.</param>
/// <param name="StartedAt">When it started; null where that is not known.</param>
/// <param name="Count">How many of them it holds.</param>
internal sealed record HolderFound(string Name, string Unit, int Pid, DateTimeOffset? StartedAt, ulong Count);
