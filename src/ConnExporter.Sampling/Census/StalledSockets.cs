using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Census;

/// <summary>Finds sockets whose receive queue is not empty and has not moved for three walks: their application does not read.</summary>
/// <remarks>Only sockets with something unread are remembered, and of those no more than the bound. One object a network namespace.</remarks>
internal sealed class StalledSockets
{
    private const int Walks = 3;

    /// <summary>How many are followed where nothing else is asked for.</summary>
    public const int DefaultBound = 65_536;
    private Dictionary<ulong, (uint Queue, int Seen)> before = [];
    private Dictionary<ulong, (uint Queue, int Seen)> now = [];

    /// <summary>How many may be followed; a smaller bound counts from the next walk on.</summary>
    public int Bound { get; set; } = DefaultBound;

    /// <summary>Whether the last walk left nothing to remember.</summary>
    public bool IsEmpty => now.Count == 0;

    /// <summary>How many stalled.</summary>
    public int Count { get; private set; }

    /// <summary>How many were not looked at because of the bound.</summary>
    public int Overlooked { get; private set; }

    /// <summary>Starts a walk.</summary>
    public void Begin()
    {
        (before, now) = (now, before);
        if (now.Count <= Bound)
        {
            now.Clear();
        }
        else
        {
            now = [];
        }

        Count = Overlooked = 0;
    }

    /// <summary>Takes a socket.</summary>
    /// <returns>Whether it stalls.</returns>
    public bool Add(in SocketRecord socket)
    {
        uint queue = socket.ReceiveQueue;
        if (queue == 0)
        {
            return false;
        }

        if (now.Count >= Bound)
        {
            Overlooked++;
            return false;
        }

        ulong cookie = socket.Cookie;
        int seen = before.TryGetValue(cookie, out (uint Queue, int Seen) last) && last.Queue == queue ? last.Seen + 1 : 1;
        now[cookie] = (queue, seen);
        if (seen < Walks)
        {
            return false;
        }

        Count++;
        return true;
    }
}
