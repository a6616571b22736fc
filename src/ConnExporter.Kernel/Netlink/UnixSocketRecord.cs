using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>One Unix socket of a dump: <c>struct unix_diag_msg</c> (linux/unix_diag.h, 16 bytes) and its attributes, read in place.</summary>
public readonly ref struct UnixSocketRecord
{
    internal const int MessageSize = 16;

    /// <summary>The kind <c>SOCK_STREAM</c>.</summary>
    public const byte Stream = 1;

    /// <summary>The kind <c>SOCK_DGRAM</c>.</summary>
    public const byte Datagram = 2;

    /// <summary>The kind <c>SOCK_SEQPACKET</c>.</summary>
    public const byte SequentialPacket = 5;

    private const byte NameAttribute = 0;
    private const byte FileAttribute = 1;
    private const byte PeerAttribute = 2;
    private const byte QueuesAttribute = 4;
    private const byte UserAttribute = 7;
    private readonly ReadOnlySpan<byte> bytes;

    /// <summary>A record over the payload of one message.</summary>
    /// <param name="payload">The bytes after the netlink header.</param>
    /// <exception cref="KernelReadException">Shorter than the fixed part, or with an attribute that does not fit.</exception>
    public UnixSocketRecord(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < MessageSize)
        {
            throw KernelReadException.Protocol($"unix_diag: a record of {payload.Length} bytes; {MessageSize} is the least");
        }

        bytes = payload;

        // All of it or nothing, as with those of TCP.
        for (ReadOnlySpan<byte> rest = payload[MessageSize..]; !rest.IsEmpty; rest = NetlinkAttribute.After(rest))
        {
            NetlinkAttribute.Check(rest, "unix_diag");
        }
    }

    /// <summary><see cref="Stream"/>, <see cref="Datagram"/> or <see cref="SequentialPacket"/>.</summary>
    public byte Kind => bytes[1];

    /// <summary>The state, in TCP's words.</summary>
    public TcpState State => bytes[2] <= (byte)TcpState.Closing ? (TcpState)bytes[2] : TcpState.Unknown;

    /// <summary>Inode of the descriptor; 0 where no process holds one.</summary>
    public uint Inode => MemoryMarshal.Read<uint>(bytes[4..]);

    /// <summary>A number that the kernel gives to a socket once and never again while it runs.</summary>
    public ulong Cookie => MemoryMarshal.Read<uint>(bytes[8..]) | ((ulong)MemoryMarshal.Read<uint>(bytes[12..]) << 32);

    /// <summary>The name that it is bound to: a path without its NUL, or a NUL and an abstract name. Empty where it has none.</summary>
    public ReadOnlySpan<byte> Name => !TryGetAttribute(NameAttribute, out ReadOnlySpan<byte> name) ? default
        : name.IndexOf((byte)0) is > 0 and var end ? name[..end]
        : name;

    /// <summary>The file that it is bound to; null where it is bound to none.</summary>
    public UnixSocketFile? File => TryGetAttribute(FileAttribute, out ReadOnlySpan<byte> file) && file.Length >= 2 * sizeof(uint) ? new(MemoryMarshal.Read<uint>(file), MemoryMarshal.Read<uint>(file[sizeof(uint)..])) : null;

    /// <summary>Inode of its peer; 0 where it has none.</summary>
    public uint Peer => TryGetAttribute(PeerAttribute, out ReadOnlySpan<byte> peer) && peer.Length >= sizeof(uint) ? MemoryMarshal.Read<uint>(peer) : 0;

    /// <summary>The user that made it; 0 where the kernel does not tell.</summary>
    public uint User => TryGetAttribute(UserAttribute, out ReadOnlySpan<byte> user) && user.Length >= sizeof(uint) ? MemoryMarshal.Read<uint>(user) : 0;

    /// <summary>Its queues.</summary>
    /// <param name="receive">LISTEN: connections that wait to be accepted. Stream: bytes not yet read. Datagram: the bytes of the first datagram not yet read, however many follow.</param>
    /// <param name="send">LISTEN: the limit, min(backlog, somaxconn). Others: memory of what it has sent and nobody has read yet.</param>
    /// <returns>False where the record does not carry them.</returns>
    public bool TryGetQueues(out uint receive, out uint send)
    {
        bool found = TryGetAttribute(QueuesAttribute, out ReadOnlySpan<byte> queues) && queues.Length >= 2 * sizeof(uint);
        (receive, send) = found ? (MemoryMarshal.Read<uint>(queues), MemoryMarshal.Read<uint>(queues[sizeof(uint)..])) : default;
        return found;
    }

    private bool TryGetAttribute(byte type, out ReadOnlySpan<byte> value) => NetlinkAttribute.TryFind(bytes[MessageSize..], type, out value);
}

/// <summary>The file of a Unix socket (<c>struct unix_diag_vfs</c>).</summary>
/// <param name="Inode">The lower 32 bits of its inode.</param>
/// <param name="Device">The device of its file system as the kernel packs it within: 12 bits for the major number, 20 for the minor.</param>
public readonly record struct UnixSocketFile(uint Inode, uint Device)
{
    private const int MinorBits = 20;

    /// <summary>Whether it is the file that <c>statx</c> tells of. A subvolume of btrfs has a device of its own there, so that it is not found to be.</summary>
    /// <param name="inode">Its inode.</param>
    /// <param name="major">The major number of its device.</param>
    /// <param name="minor">The minor number.</param>
    public bool Is(ulong inode, uint major, uint minor) => (uint)inode == Inode && ((major << MinorBits) | minor) == Device;
}
