using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Census;

/// <summary>Sums over all sockets of a walk.</summary>
internal sealed class SocketTotals
{
    /// <summary>Sockets that somebody else connected to a listener here.</summary>
    public ulong Inbound { get; private set; }

    /// <summary>Sockets that were connected from here.</summary>
    public ulong Outbound { get; private set; }

    /// <summary>Listeners.</summary>
    public ulong Listening { get; private set; }

    /// <summary>Bytes received and not yet read.</summary>
    public ulong ReceivedBytes { get; private set; }

    /// <summary>Bytes written and not yet acknowledged.</summary>
    public ulong SentBytes { get; private set; }

    /// <summary>ESTABLISHED sockets that a process holds and does not read from.</summary>
    public ulong Unread { get; private set; }

    /// <summary>Sockets whose peer has closed its window.</summary>
    public ulong ZeroWindow { get; private set; }

    /// <summary>Sockets in CLOSE_WAIT.</summary>
    public ulong CloseWait { get; private set; }

    public void Clear() => Inbound = Outbound = Listening = ReceivedBytes = SentBytes = Unread = ZeroWindow = CloseWait = 0;

    public void AddListener() => Listening++;

    /// <summary>Counts a stalled socket, unless it only waits to be accepted, or all that is unread is the end of the stream: in CLOSE_WAIT that counts as a byte.</summary>
    public bool AddUnread(in SocketRecord socket)
    {
        bool unread = socket.State == TcpState.Established && socket.Inode != 0;
        Unread += unread ? 1u : 0u;
        return unread;
    }

    public void Add(in SocketRecord socket, bool inbound)
    {
        Inbound += inbound ? 1u : 0u;
        Outbound += inbound ? 0u : 1u;
        ReceivedBytes += socket.ReceiveQueue;
        SentBytes += socket.SendQueue;
        ZeroWindow += socket.IsProbingZeroWindow ? 1u : 0u;
        CloseWait += socket.State == TcpState.CloseWait ? 1u : 0u;
    }
}
