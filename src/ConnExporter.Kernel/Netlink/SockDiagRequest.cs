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

    /// <summary>Remote ends at most in <see cref="To"/>.</summary>
    public const int MostEnds = 8;

    internal const ushort MessageType = 18;
    private const int AttributeHeader = 4;
    private const ushort BytecodeAttribute = 1;
    private const byte Jump = 1;
    private const byte DestinationCondition = 8;

    // struct inet_diag_bc_op.
    private const int JumpSize = 4;

    // struct inet_diag_bc_op and struct inet_diag_hostcond (linux/inet_diag.h) without the address.
    private const int ConditionHeader = 4 + 8;
    private const byte FamilyV4 = 2;
    private const byte FamilyV6 = 10;

    /// <summary>Only the sockets with one of these remote addresses and ports, <see cref="MostEnds"/> at most; the kernel leaves the others out. Null for all.</summary>
    /// <remarks>
    /// The attribute <c>INET_DIAG_REQ_BYTECODE</c> with an <c>INET_DIAG_BC_D_COND</c> each, which every kernel has and which finds IPv4 peers of
    /// dual-stack sockets too (net/ipv4/inet_diag.c:inet_diag_bc_run; kernel-facts §1).
    /// </remarks>
    public (InetAddress Address, ushort Port)[]? To
    {
        get;
        init => field = value is { Length: 0 or > MostEnds } ? throw new ArgumentOutOfRangeException(nameof(value), value.Length, $"1 to {MostEnds} ends") : value;
    }

    /// <summary>Only the sockets with one of these local ports, listeners among them. Null for all; not with <see cref="To"/>.</summary>
    public PortWindows? From { get; init; }

    /// <summary>The bytes of this request.</summary>
    public int Length => CodeSize is > 0 and var code ? Size + AttributeHeader + code : Size;

    /// <summary>The mask bit of one state.</summary>
    /// <param name="state">The state.</param>
    public static uint Bit(TcpState state) => 1u << (int)state;

    /// <summary>Writes the request as it goes to the kernel.</summary>
    /// <param name="buffer">At least <see cref="Length"/> bytes.</param>
    /// <param name="sequence">The sequence number that the answers will carry.</param>
    /// <returns>Its length.</returns>
    public int Write(Span<byte> buffer, uint sequence)
    {
        int code = CodeSize;
        int length = Length;

        // struct inet_diag_req (linux/inet_diag.h): family 0, lengths 1 and 2, ext 3, id 4..52, states 52, dbs 56.
        Span<byte> request = NetlinkRequest.Begin(buffer, length, MessageType, sequence);
        request[3] = Extensions;
        MemoryMarshal.Write(request[52..], States);
        if (code > 0)
        {
            Span<byte> attribute = buffer[Size..length];
            MemoryMarshal.Write(attribute, (ushort)(AttributeHeader + code));
            MemoryMarshal.Write(attribute[2..], BytecodeAttribute);
            WriteFilter(attribute[AttributeHeader..]);
        }

        return length;
    }

    private int CodeSize => To is { } ends ? SizeOf(ends) : From?.FilterSize ?? 0;

    private static int AddressSize(InetAddress address) => address.IsV4 ? 4 : 16;

    private static int SizeOf((InetAddress Address, ushort Port)[] ends)
    {
        int size = (ends.Length - 1) * JumpSize;
        foreach ((InetAddress address, _) in ends)
        {
            size += ConditionHeader + AddressSize(address);
        }

        return size;
    }

    // One operation an end: when it holds, on to a jump to the end of the code, which accepts; when not, over that jump to the next. The last one
    // is followed by the end itself, and four bytes past that, which reject.
    private void WriteFilter(Span<byte> code)
    {
        if (From is { } windows)
        {
            windows.WriteFilter(code);
            return;
        }

        foreach ((InetAddress address, ushort port) in To!)
        {
            int operation = WriteCondition(code, address, port);
            code = code[operation..];
            if (code.Length > 0)
            {
                code[0] = Jump;
                code[1] = JumpSize;
                MemoryMarshal.Write(code[2..], (ushort)code.Length);
                code = code[JumpSize..];
            }
        }
    }

    private static int WriteCondition(Span<byte> code, InetAddress address, ushort port)
    {
        int addressSize = AddressSize(address);
        int operation = ConditionHeader + addressSize;
        code[0] = DestinationCondition;
        code[1] = (byte)operation;
        MemoryMarshal.Write(code[2..], (ushort)(operation + JumpSize));
        code[4] = address.IsV4 ? FamilyV4 : FamilyV6;
        code[5] = (byte)(8 * addressSize);
        MemoryMarshal.Write(code[8..], (int)port);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], address.Low);
        bytes[^addressSize..].CopyTo(code[ConditionHeader..]);
        return operation;
    }
}
