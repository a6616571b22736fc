using System.Globalization;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Collectors;

/// <summary>The UDP sockets that have dropped datagrams, or whose receive buffer is filling, with what is remembered of them from walk to walk. For one thread.</summary>
internal sealed class UdpReceivers
{
    private const string Family = "conn_udp_socket_drops_total";
    private readonly ListenerHistory history = new(Family);
    private readonly List<ListenerMember> members = [];
    private readonly Dictionary<(InetAddress Address, ushort Port, uint Interface), Telling> telling = [];
    private HashSet<ulong>? droppedBefore;
    private int leftOut;

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsEmpty => history.IsEmpty;

    /// <summary>Starts a walk.</summary>
    public void Begin()
    {
        members.Clear();
        telling.Clear();
        leftOut = 0;
    }

    /// <summary>Takes note of a socket, where there is something to tell of it.</summary>
    public void Add(in SocketRecord socket)
    {
        uint? drops = socket.TryGetDrops(out uint count) ? count : null;
        uint queue = socket.ReceiveQueue;
        if (drops is null or 0 && queue == 0)
        {
            return;
        }

        uint? limit = socket.TryGetReceiveBuffer(out uint size) ? size : null;
        if (drops is null or 0 && !(queue >= limit / 2))
        {
            return;
        }

        if (members.Count >= ListenerHistory.DefaultBound)
        {
            leftOut++;
            return;
        }

        members.Add(new ListenerMember(socket.LocalAddress, socket.LocalPort, socket.Interface, socket.Cookie, queue, limit, drops));
        (InetAddress, ushort, uint) key = (socket.LocalAddress, socket.LocalPort, socket.Interface);
        bool isKnown = telling.TryGetValue(key, out Telling known);
        bool hasDroppedSince = droppedBefore?.Contains(socket.Cookie) == false && (!isKnown || known.HasDroppedSince);
        telling[key] = !isKnown || queue > known.Queue
            ? new Telling(queue, socket.Inode, socket.TryGetCgroup(out ulong cgroup) ? cgroup : 0, hasDroppedSince)
            : known with { HasDroppedSince = hasDroppedSince };
    }

    /// <summary>The rows of a walk that has ended.</summary>
    /// <param name="shown">Rows at most.</param>
    /// <param name="context">Is told of what has none.</param>
    public ListenersReading.Row[] Take(int shown, CollectContext context)
    {
        context.Drop(Family, leftOut);

        // A walk that left sockets out does not tell which had dropped something already.
        droppedBefore ??= leftOut == 0 ? [.. members.Where(member => member.Drops > 0).Select(member => member.Cookie)] : null;
        return history.Take(members, shown, context);
    }

    /// <summary>The socket that stands for a row: its inode and its cgroup, 0 where they are not known; and whether all drops of the row are since the first walk.</summary>
    public (uint Inode, ulong Cgroup, bool HasDroppedSince) TellingOf(ListenersReading.Row row)
    {
        ushort port = ushort.Parse(row.Port, CultureInfo.InvariantCulture);
        foreach (((InetAddress address, ushort itsPort, uint networkInterface), Telling one) in telling)
        {
            if (itsPort == port && NetworkInterface.Scoped(address, networkInterface) == row.Address)
            {
                return (one.Inode, one.Cgroup, one.HasDroppedSince);
            }
        }

        return default;
    }

    private readonly record struct Telling(uint Queue, uint Inode, ulong Cgroup, bool HasDroppedSince);
}
