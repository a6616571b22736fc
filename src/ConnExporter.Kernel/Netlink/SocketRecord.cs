using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>One socket of a dump: <c>struct inet_diag_msg</c> (linux/inet_diag.h, 72 bytes) and its attributes, read in place.</summary>
public readonly ref struct SocketRecord
{
    internal const int MessageSize = 72;
    internal const byte SocketMemoryAttribute = 7;
    internal const byte ShutdownAttribute = 8;
    internal const byte InfoAttribute = 2;
    internal const byte TimeWaitTimer = 3;
    private const byte CgroupAttribute = 21;
    private const byte V6OnlyAttribute = 11;
    private const byte ZeroWindowTimer = 4;

    // struct tcp_info (linux/tcp.h): tcpi_options, and milliseconds since the last event of each kind.
    private const int OptionsOffset = 5;
    private const byte OptionTimestamps = 1;
    private const int LastDataSentOffset = 44;
    private const int LastDataReceivedOffset = 52;
    private const int LastAckReceivedOffset = 56;
    private const byte FamilyV4 = 2;
    private const int DropsOffset = 8 * sizeof(uint);
    private const int ReceiveBufferOffset = sizeof(uint);
    private readonly ReadOnlySpan<byte> bytes;
    private readonly ulong? cgroup;

    /// <summary>A record over the payload of one message.</summary>
    /// <param name="payload">The bytes after the netlink header.</param>
    /// <exception cref="KernelReadException">Shorter than the fixed part, or with an attribute that does not fit.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public SocketRecord(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < MessageSize)
        {
            throw KernelReadException.Protocol($"sock_diag: a record of {payload.Length} bytes; {MessageSize} is the least");
        }

        bytes = payload;

        // All of it or nothing: a record with a broken tail is not to be counted by its sound beginning. What every walk asks for is noted on the way.
        for (ReadOnlySpan<byte> rest = payload[MessageSize..]; !rest.IsEmpty; rest = NetlinkAttribute.After(rest))
        {
            int length = NetlinkAttribute.Check(rest, "sock_diag");
            switch (NetlinkAttribute.TypeOf(rest))
            {
                case ShutdownAttribute:
                    IsFullSocket = true;
                    break;
                case CgroupAttribute when length >= NetlinkAttribute.HeaderSize + sizeof(ulong):
                    cgroup = MemoryMarshal.Read<ulong>(rest[NetlinkAttribute.HeaderSize..]);
                    break;
            }
        }
    }

    /// <summary>The state, Unknown where the kernel has one that this program does not know.</summary>
    public TcpState State => bytes[1] <= (byte)TcpState.Closing ? (TcpState)bytes[1] : TcpState.Unknown;

    /// <summary>A TIME_WAIT minisocket or the one an orphan in FIN_WAIT2 leaves behind (timer 3: net/ipv4/inet_diag.c:inet_twsk_diag_fill).</summary>
    public bool IsTimeWaitMinisocket => bytes[2] == TimeWaitTimer;

    /// <summary>The peer has closed its window and is asked again and again whether it opens.</summary>
    public bool IsProbingZeroWindow => bytes[2] == ZeroWindowTimer;

    /// <summary>How often the segment that waits for an answer was sent again: in SYN_SENT the SYN, of a request socket the SYN-ACK.</summary>
    public byte Retransmits => bytes[3];

    /// <summary>Time until the timer of the socket runs out; of a minisocket, until it is gone.</summary>
    public TimeSpan Expires => TimeSpan.FromMilliseconds(MemoryMarshal.Read<uint>(bytes[52..]));

    /// <summary>
    /// A socket with everything that belongs to one, neither a request nor a minisocket. Only those carry <c>INET_DIAG_SHUTDOWN</c>, on
    /// every kernel and without being asked (net/ipv4/inet_diag.c:inet_diag_msg_attrs_fill).
    /// </summary>
    public bool IsFullSocket { get; }

    /// <summary>Local port.</summary>
    public ushort LocalPort => BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);

    /// <summary>Remote port.</summary>
    public ushort RemotePort => BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]);

    /// <summary>Local address.</summary>
    public InetAddress LocalAddress => ReadAddress(bytes[8..24]);

    /// <summary>Remote address.</summary>
    public InetAddress RemoteAddress => ReadAddress(bytes[24..40]);

    /// <summary>
    /// The number of the interface that the socket is bound to: by SO_BINDTODEVICE, or by the scope of a link-local address. 0 for none.
    /// </summary>
    public uint Interface => MemoryMarshal.Read<uint>(bytes[40..]);

    /// <summary>A number that the kernel gives to a socket once and never again while it runs.</summary>
    public ulong Cookie => MemoryMarshal.Read<uint>(bytes[44..]) | ((ulong)MemoryMarshal.Read<uint>(bytes[48..]) << 32);

    /// <summary>LISTEN: connections that wait to be accepted. Others: bytes received and not yet read.</summary>
    public uint ReceiveQueue => MemoryMarshal.Read<uint>(bytes[56..]);

    /// <summary>LISTEN: the limit of the accept queue, min(backlog, somaxconn). Others: bytes not yet acknowledged by the peer.</summary>
    public uint SendQueue => MemoryMarshal.Read<uint>(bytes[60..]);

    /// <summary>The user that made the socket; 0 for TIME_WAIT and request sockets.</summary>
    public uint User => MemoryMarshal.Read<uint>(bytes[64..]);

    /// <summary>Inode of the descriptor; 0 where no process holds one.</summary>
    public uint Inode => MemoryMarshal.Read<uint>(bytes[68..]);

    /// <summary>
    /// <c>sk_drops</c> from INET_DIAG_SKMEMINFO, a 32-bit counter that wraps. On a listener it rises with each connection turned away
    /// (kernel-facts §5).
    /// </summary>
    /// <param name="drops">The counter, where the record carries it.</param>
    public bool TryGetDrops(out uint drops)
    {
        if (TryGetAttribute(SocketMemoryAttribute, out ReadOnlySpan<byte> memory) && memory.Length >= DropsOffset + sizeof(uint))
        {
            drops = MemoryMarshal.Read<uint>(memory[DropsOffset..]);
            return true;
        }

        drops = 0;
        return false;
    }

    /// <summary>The size of the receive buffer (SO_RCVBUF, as the kernel doubles it) from INET_DIAG_SKMEMINFO.</summary>
    /// <param name="size">Its bytes, where the record carries them.</param>
    public bool TryGetReceiveBuffer(out uint size)
    {
        bool found = TryGetAttribute(SocketMemoryAttribute, out ReadOnlySpan<byte> memory) && memory.Length >= ReceiveBufferOffset + sizeof(uint);
        size = found ? MemoryMarshal.Read<uint>(memory[ReceiveBufferOffset..]) : 0;
        return found;
    }

    /// <summary>Whether it is a socket of IPv6, be its address one of IPv4.</summary>
    public bool IsV6 => bytes[0] != FamilyV4;

    /// <summary>Whether it is bound to IPv6 alone (IPV6_V6ONLY). Told of sockets that are not connected, without being asked (net/ipv4/inet_diag.c:inet_diag_msg_attrs_fill).</summary>
    public bool IsV6Only => TryGetAttribute(V6OnlyAttribute, out ReadOnlySpan<byte> only) && only.Length > 0 && only[0] != 0;

    /// <summary>
    /// The cgroup (version 2) in which the socket was made; accepted connections have their listener's. Since Linux 5.8, full sockets only;
    /// 1 for all where version 2 is not in use.
    /// </summary>
    /// <param name="id">The inode number of the cgroup's directory.</param>
    public bool TryGetCgroup(out ulong id)
    {
        id = cgroup.GetValueOrDefault();
        return cgroup.HasValue;
    }

    /// <summary>How long ago the peer sent its last segment, from INET_DIAG_INFO: in CLOSE_WAIT the time since it closed, or less if it still sends.</summary>
    /// <param name="age">The time, where the record carries it.</param>
    public bool TryGetSinceLastSegment(out TimeSpan age) => TryGetInfo(LastAckReceivedOffset, out age);

    /// <summary>How long no data went either way, from INET_DIAG_INFO.</summary>
    /// <param name="idle">The time, where the record carries it.</param>
    public bool TryGetIdle(out TimeSpan idle)
    {
        bool found = TryGetInfo(LastDataSentOffset, out TimeSpan sent) & TryGetInfo(LastDataReceivedOffset, out TimeSpan received);
        idle = sent < received ? sent : received;
        return found;
    }

    /// <summary>Whether both ends agreed on TCP timestamps (<c>TCPI_OPT_TIMESTAMPS</c>), from INET_DIAG_INFO; of a connection that is established or was.</summary>
    /// <param name="timestamps">The answer, where the record carries it.</param>
    public bool TryGetTimestamps(out bool timestamps)
    {
        bool found = TryGetAttribute(InfoAttribute, out ReadOnlySpan<byte> info) && info.Length > OptionsOffset;
        timestamps = found && (info[OptionsOffset] & OptionTimestamps) != 0;
        return found;
    }

    /// <summary>Finds an attribute.</summary>
    /// <param name="type">Its number (<c>INET_DIAG_*</c>).</param>
    /// <param name="value">Its bytes.</param>
    public bool TryGetAttribute(byte type, out ReadOnlySpan<byte> value) => NetlinkAttribute.TryFind(bytes[MessageSize..], type, out value);

    private bool TryGetInfo(int offset, out TimeSpan time)
    {
        bool found = TryGetAttribute(InfoAttribute, out ReadOnlySpan<byte> info) && info.Length >= offset + sizeof(uint);
        time = found ? TimeSpan.FromMilliseconds(MemoryMarshal.Read<uint>(info[offset..])) : default;
        return found;
    }

    private InetAddress ReadAddress(ReadOnlySpan<byte> address) =>
        bytes[0] == FamilyV4 ? InetAddress.ReadV4(address) : InetAddress.ReadV6(address);
}
