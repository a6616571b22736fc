using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>What to ask of <c>inet_diag</c>: a dump of the TCP sockets, both families, in the given states.</summary>
/// <remarks>
/// The request has the old type <c>TCPDIAG_GETSOCK</c> (18): it walks IPv4 and IPv6 in one go, where the newer type needs one walk a family
/// (kernel-facts §1; net/ipv4/inet_diag.c:inet_diag_dump_compat). No privilege is needed.
/// </remarks>
/// <param name="States">Mask of <c>1 &lt;&lt; state</c>. Bits above 12 make newer kernels walk other tables: leave them 0.</param>
/// <param name="Extensions">Mask of <c>1 &lt;&lt; (attribute - 1)</c>: what each record shall carry.</param>
public readonly record struct SockDiagRequest(uint States, byte Extensions = 0)
{
    /// <summary>The bytes of a request.</summary>
    public const int Size = NetlinkMessageReader.HeaderSize + 60;

    /// <summary>All states that a dump of hashed sockets can show: 1 to 11, and request sockets.</summary>
    public const uint AllStates = 0xfff;

    /// <summary>The extension bit for <c>INET_DIAG_SKMEMINFO</c>.</summary>
    public const byte SocketMemory = 1 << (SocketRecord.SocketMemoryAttribute - 1);

    /// <summary>The extension bit for <c>INET_DIAG_INFO</c>: takes each socket's lock, so only for a few.</summary>
    public const byte Info = 1 << (SocketRecord.InfoAttribute - 1);

    /// <summary>
    /// Bit 13: sockets that are bound and neither connected nor listening, shown in state CLOSE without a peer. Since Linux 6.8; older kernels
    /// pass over the bit.
    /// </summary>
    public const uint BoundInactive = 1u << 13;

    /// <summary>The bytes of the longest request: with <see cref="To"/> an IPv6 address.</summary>
    public const int MaxSize = Size + AttributeHeader + ConditionHeader + 16;

    internal const ushort MessageType = 18;
    private const ushort RequestAndDump = 0x301;
    private const int AttributeHeader = 4;
    private const ushort BytecodeAttribute = 1;
    private const byte DestinationCondition = 8;

    // struct inet_diag_bc_op and struct inet_diag_hostcond (linux/inet_diag.h) without the address.
    private const int ConditionHeader = 4 + 8;
    private const byte FamilyV4 = 2;
    private const byte FamilyV6 = 10;

    /// <summary>Only the sockets with this remote address and port; the kernel leaves the others out. Null for all.</summary>
    /// <remarks>
    /// The attribute <c>INET_DIAG_REQ_BYTECODE</c> with one <c>INET_DIAG_BC_D_COND</c>, which every kernel has and which finds IPv4 peers of
    /// dual-stack sockets too (net/ipv4/inet_diag.c:inet_diag_bc_run; kernel-facts §1).
    /// </remarks>
    public (InetAddress Address, ushort Port)? To { get; init; }

    /// <summary>The mask bit of one state.</summary>
    /// <param name="state">The state.</param>
    public static uint Bit(TcpState state) => 1u << (int)state;

    /// <summary>Writes the request as it goes to the kernel.</summary>
    /// <param name="buffer">At least <see cref="Size"/> bytes, or <see cref="MaxSize"/> with <see cref="To"/>.</param>
    /// <param name="sequence">The sequence number that the answers will carry.</param>
    /// <returns>Its length.</returns>
    public int Write(Span<byte> buffer, uint sequence)
    {
        int addressSize = To is not { } filter ? 0 : filter.Address.IsV4 ? 4 : 16;
        int length = addressSize == 0 ? Size : Size + AttributeHeader + ConditionHeader + addressSize;
        buffer = buffer[..length];
        buffer.Clear();

        // struct nlmsghdr, then struct inet_diag_req (linux/inet_diag.h): family 0, lengths 1 and 2, ext 3, id 4..52, states 52, dbs 56.
        MemoryMarshal.Write(buffer, (uint)length);
        MemoryMarshal.Write(buffer[4..], MessageType);
        MemoryMarshal.Write(buffer[6..], RequestAndDump);
        MemoryMarshal.Write(buffer[8..], sequence);
        Span<byte> request = buffer[NetlinkMessageReader.HeaderSize..];
        request[3] = Extensions;
        MemoryMarshal.Write(request[52..], States);
        if (To is { } to)
        {
            WriteCondition(buffer[Size..], to.Address, to.Port, addressSize);
        }

        return length;
    }

    // One operation: when it holds, on to the end, which accepts; when not, four bytes past the end, which rejects.
    private static void WriteCondition(Span<byte> attribute, InetAddress address, ushort port, int addressSize)
    {
        int operation = ConditionHeader + addressSize;
        MemoryMarshal.Write(attribute, (ushort)(AttributeHeader + operation));
        MemoryMarshal.Write(attribute[2..], BytecodeAttribute);
        Span<byte> code = attribute[AttributeHeader..];
        code[0] = DestinationCondition;
        code[1] = (byte)operation;
        MemoryMarshal.Write(code[2..], (ushort)(operation + 4));
        code[4] = address.IsV4 ? FamilyV4 : FamilyV6;
        code[5] = (byte)(8 * addressSize);
        MemoryMarshal.Write(code[8..], (int)port);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], address.Low);
        bytes[^addressSize..].CopyTo(code[ConditionHeader..]);
    }
}
