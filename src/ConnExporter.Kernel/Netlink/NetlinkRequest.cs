using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>What every request begins with: <c>struct nlmsghdr</c> (linux/netlink.h).</summary>
internal static class NetlinkRequest
{
    // NLM_F_REQUEST, and with NLM_F_DUMP.
    private const ushort Request = 0x1;
    private const ushort RequestAndDump = 0x301;

    /// <summary>Writes the header of a request for a dump over a cleared buffer.</summary>
    /// <param name="buffer">The whole request, of at least its length.</param>
    /// <param name="length">Its length.</param>
    /// <param name="type">Its type.</param>
    /// <param name="sequence">The sequence number that the answers will carry.</param>
    /// <returns>What comes behind the header.</returns>
    public static Span<byte> Begin(Span<byte> buffer, int length, ushort type, uint sequence) => Begin(buffer, length, type, sequence, RequestAndDump);

    /// <summary>The same of a request for one thing.</summary>
    /// <param name="buffer">The whole request, of at least its length.</param>
    /// <param name="length">Its length.</param>
    /// <param name="type">Its type.</param>
    /// <param name="sequence">The sequence number that the answer will carry.</param>
    /// <returns>What comes behind the header.</returns>
    public static Span<byte> BeginSingle(Span<byte> buffer, int length, ushort type, uint sequence) => Begin(buffer, length, type, sequence, Request);

    private static Span<byte> Begin(Span<byte> buffer, int length, ushort type, uint sequence, ushort flags)
    {
        buffer = buffer[..length];
        buffer.Clear();
        MemoryMarshal.Write(buffer, (uint)length);
        MemoryMarshal.Write(buffer[4..], type);
        MemoryMarshal.Write(buffer[6..], flags);
        MemoryMarshal.Write(buffer[8..], sequence);
        return buffer[NetlinkMessageReader.HeaderSize..];
    }
}
