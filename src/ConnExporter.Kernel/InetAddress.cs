using System.Buffers.Binary;
using System.Net;

namespace ConnExporter.Kernel;

/// <summary>An IPv4 or IPv6 address as a value: 16 bytes in network order, IPv4 kept as ::ffff:a.b.c.d.</summary>
/// <remarks>
/// Sockets of a dual-stack listener carry IPv4 peers as v4-mapped IPv6 addresses. Keeping both in one form makes them equal, as they are
/// on the wire.
/// </remarks>
/// <param name="High">The first eight bytes.</param>
/// <param name="Low">The last eight bytes.</param>
public readonly record struct InetAddress(ulong High, ulong Low)
{
    private const ulong V4MappedPrefix = 0x0000_ffff_0000_0000;

    /// <summary>Whether this is an IPv4 address, mapped or not.</summary>
    public bool IsV4 => High == 0 && (Low & 0xffff_ffff_0000_0000) == V4MappedPrefix;

    /// <summary>127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback => IsV4 ? (byte)(Low >> 24) == 127 : High == 0 && Low == 1;

    /// <summary>Reads the four bytes of an IPv4 address.</summary>
    /// <param name="bytes">At least four bytes in network order.</param>
    public static InetAddress ReadV4(ReadOnlySpan<byte> bytes) =>
        new(0, V4MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(bytes));

    /// <summary>Reads the sixteen bytes of an IPv6 address.</summary>
    /// <param name="bytes">At least sixteen bytes in network order.</param>
    public static InetAddress ReadV6(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>The address with all but its leading bits cleared.</summary>
    /// <param name="bits">How many of the 128 bits stay; of an IPv4 address the first 96 are its mapping.</param>
    public InetAddress Mask(int bits) => bits switch
    {
        >= 128 => this,
        > 64 => new(High, Low & (ulong.MaxValue << (128 - bits))),
        64 => new(High, 0),
        > 0 => new(High & (ulong.MaxValue << (64 - bits)), 0),
        _ => default,
    };

    /// <summary>An address and a port as users write them: an IPv6 address in brackets.</summary>
    public static string WithPort(string address, string port) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}" : $"{address}:{port}";

    /// <summary>The usual text form: dotted decimal for IPv4, RFC 5952 for IPv6, without brackets.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
        return new IPAddress(IsV4 ? bytes[12..] : bytes).ToString();
    }
}
