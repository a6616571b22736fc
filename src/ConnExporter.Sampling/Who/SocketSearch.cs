using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Who;

/// <summary>Looks for sockets: two walks over those of the calling thread's network namespace, the listeners first.</summary>
internal sealed class SocketSearch(KernelSource kernel, SocketQuestion question, IReadOnlySet<uint>? held)
{
    // Inodes whose holders are looked for.
    private const int MostInodes = 262_144;

    private static readonly uint Listening = SockDiagRequest.Bit(TcpState.Listen);
    private readonly HashSet<ushort> listened = [];

    private delegate void Visitor(in SocketRecord socket);

    /// <summary>What the sockets belong to, by inode: filled by <see cref="Ask"/>.</summary>
    public Dictionary<uint, Held> Wanted { get; } = [];

    /// <summary>Sockets whose holder is not looked for, as there was no room.</summary>
    public ulong LeftOut { get; private set; }

    /// <summary>Looks in the network namespace of the calling thread.</summary>
    /// <param name="netns">Its name.</param>
    /// <exception cref="KernelReadException">Its sockets cannot be read.</exception>
    public SocketAnswer Ask(string netns)
    {
        var answer = new SocketAnswer(netns);
        listened.Clear();
        bool isOwn = netns == KernelSource.OwnNamespace;
        answer.Missing = Walk(isOwn, Listening, (in SocketRecord socket) =>
        {
            listened.Add(socket.LocalPort);
            if (held?.Contains(socket.Inode) ?? IsListenerOf(socket))
            {
                Add(answer, socket);
            }
        });
        Walk(isOwn, SockDiagRequest.AllStates & ~Listening, (in SocketRecord socket) =>
        {
            if (held?.Contains(socket.Inode) ?? (IsEnd(socket.LocalAddress, socket.LocalPort) || IsEnd(socket.RemoteAddress, socket.RemotePort)))
            {
                bool isInbound = listened.Contains(socket.LocalPort);
                ConnectionsFound connections = isInbound ? answer.Inbound : answer.Outbound;
                connections.Add(socket, isInbound ? socket.RemoteAddress.ToString() : InetAddress.WithPort(socket.RemoteAddress.ToString(), $"{socket.RemotePort}"));
                Want(socket, connections);
            }
        });
        answer.Listeners.Sort((one, other) => one.Port.CompareTo(other.Port));
        return answer;
    }

    private bool IsEnd(InetAddress address, ushort port) => port == question.Port && (question.Address is not { } asked || asked == address);

    // Who listens on all addresses listens on this one too; by IPv6 on those of IPv4 as well, unless told not to.
    private bool IsListenerOf(in SocketRecord socket)
    {
        if (socket.LocalPort != question.Port || question.Address is not { } asked || asked == socket.LocalAddress)
        {
            return socket.LocalPort == question.Port;
        }

        InetAddress own = socket.LocalAddress;
        bool isAny = own.IsV4 ? (uint)own.Low == 0 : own == default;
        return isAny && (own.IsV4 ? asked.IsV4 : !asked.IsV4 || !socket.IsV6Only);
    }

    private void Add(SocketAnswer answer, in SocketRecord socket)
    {
        InetAddress address = socket.LocalAddress;
        ushort port = socket.LocalPort;
        ListenerFound? row = answer.Listeners.Find(row => row.Port == port && row.Address == address);
        if (row is null)
        {
            answer.Listeners.Add(row = new ListenerFound(address, port));
        }

        bool isTold = socket.TryGetDrops(out uint drops);
        (ulong Queue, ulong? Limit) own = (socket.ReceiveQueue, isTold ? socket.SendQueue : null);
        row.Sockets++;
        row.Queue += own.Queue;
        row.Fullest = row.Sockets == 1 || own.Queue * (double)(row.Fullest.Limit + 1 ?? 1) > row.Fullest.Queue * (double)(own.Limit + 1 ?? 1) ? own : row.Fullest;
        row.Drops = isTold ? (row.Drops ?? 0) + drops : row.Drops;
        Want(socket, row);
    }

    // Waiting to be accepted, and TIME_WAIT, are in nobody's hands.
    private void Want(in SocketRecord socket, Held of)
    {
        if (socket.Inode == 0)
        {
            return;
        }

        if (Wanted.Count >= MostInodes)
        {
            LeftOut++;
            return;
        }

        Wanted[socket.Inode] = of;
        of.Users.Add(socket.User);
    }

    // The reason why sock_diag could not be asked; null where it was.
    private string? Walk(bool isOwn, uint states, Visitor visit)
    {
        try
        {
            using NetlinkSocket netlink = kernel.OpenSockDiag();
            var dump = new SockDiagDump(netlink, new SockDiagRequest(states, SockDiagRequest.SocketMemory | SockDiagRequest.Info));
            while (dump.TryRead(out SocketRecord socket))
            {
                visit(socket);
            }

            return null;
        }
        catch (KernelReadException e) when (e.Kind != FailureKind.Broken && isOwn)
        {
            using var tables = new TcpTables(kernel.Proc);
            tables.Begin(states);
            while (tables.TryRead(out SocketRecord socket))
            {
                visit(socket);
            }

            return e.Message;
        }
    }
}
