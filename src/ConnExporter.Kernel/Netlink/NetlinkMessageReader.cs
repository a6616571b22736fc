using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>Reads the messages of one netlink datagram in order. Every byte must belong to a message.</summary>
/// <remarks>linux/netlink.h: a header of 16 bytes (length, type, flags, sequence, port), the payload, padding to 4 bytes.</remarks>
public ref struct NetlinkMessageReader
{
    internal const int HeaderSize = 16;
    private ReadOnlySpan<byte> rest;

    /// <summary>A reader over a whole datagram.</summary>
    /// <param name="datagram">What one receive gave.</param>
    public NetlinkMessageReader(ReadOnlySpan<byte> datagram) => rest = datagram;

    /// <summary>Reads the next message.</summary>
    /// <param name="message">The message, where there is one.</param>
    /// <returns>False at the end of the datagram.</returns>
    /// <exception cref="KernelReadException">A length below 16, past the end, or bytes left over: the datagram is not to be trusted.</exception>
    public bool TryRead(out NetlinkMessage message)
    {
        if (rest.IsEmpty)
        {
            message = default;
            return false;
        }

        if (rest.Length < HeaderSize)
        {
            throw KernelReadException.Protocol($"netlink: {rest.Length} bytes left over after the last message");
        }

        uint length = MemoryMarshal.Read<uint>(rest);
        if (length < HeaderSize || length > rest.Length)
        {
            throw KernelReadException.Protocol($"netlink: a message of {length} bytes in a datagram with {rest.Length} left");
        }

        message = new NetlinkMessage(
            MemoryMarshal.Read<ushort>(rest[4..]),
            MemoryMarshal.Read<uint>(rest[8..]),
            rest[HeaderSize..(int)length]);
        int aligned = ((int)length + 3) & ~3;
        rest = aligned >= rest.Length ? default : rest[aligned..];
        return true;
    }
}

/// <summary>One netlink message.</summary>
public readonly ref struct NetlinkMessage
{
    /// <summary><c>NLMSG_ERROR</c>: the kernel's verdict, an errno (0 is an acknowledgement).</summary>
    public const ushort Error = 2;

    /// <summary><c>NLMSG_DONE</c>: the end of a dump, with an errno.</summary>
    public const ushort Done = 3;

    internal NetlinkMessage(ushort type, uint sequence, ReadOnlySpan<byte> payload)
    {
        Type = type;
        Sequence = sequence;
        Payload = payload;
    }

    /// <summary>The message type.</summary>
    public ushort Type { get; }

    /// <summary>The sequence number of the request that it answers.</summary>
    public uint Sequence { get; }

    /// <summary>What follows the header.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>The errno that an Error or Done message carries, as a positive number; 0 where there is none.</summary>
    public int Errno => Payload.Length >= sizeof(int) ? -MemoryMarshal.Read<int>(Payload) : 0;
}
