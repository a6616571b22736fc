using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ConnExporter.SocketLab;

/// <summary>How a connection is made: which table its two ends are in.</summary>
public enum Family
{
    /// <summary>Both ends IPv4.</summary>
    V4,

    /// <summary>Both ends IPv6.</summary>
    V6,

    /// <summary>A dual-stack listener, so that the accepted end is <c>::ffff:a.b.c.d</c>; clients are IPv4 and IPv6 sockets in turn.</summary>
    Mapped,
}

/// <summary>An address and a port as <c>bind</c> and <c>connect</c> take them.</summary>
/// <param name="IsV6">The family of the socket; a mapped address is IPv6 here.</param>
/// <param name="Address">The address as a number; for IPv4 the low 32 bits.</param>
/// <param name="Port">The port.</param>
internal readonly record struct Endpoint(bool IsV6, UInt128 Address, ushort Port)
{
    public const int MaxSize = 28;
    private static readonly UInt128 MappedPrefix = (UInt128)0xffff << 32;

    public static Endpoint LoopbackV4 => new(false, 0x7f000001, 0);

    public static Endpoint LoopbackV6 => new(true, 1, 0);

    public static Endpoint AnyV6 => new(true, 0, 0);

    public static Endpoint Parse(string text)
    {
        var address = IPAddress.Parse(text);
        byte[] bytes = address.GetAddressBytes();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? new(false, BinaryPrimitives.ReadUInt32BigEndian(bytes), 0)
            : new(true, BinaryPrimitives.ReadUInt128BigEndian(bytes), 0);
    }

    public Endpoint WithPort(ushort port) => this with { Port = port };

    /// <summary>The same IPv4 address for a socket of AF_INET6.</summary>
    public Endpoint ToMapped() => IsV6 ? this : this with { IsV6 = true, Address = MappedPrefix | Address };

    /// <summary>Writes struct sockaddr_in or sockaddr_in6.</summary>
    /// <returns>Its length.</returns>
    public uint Write(Span<byte> sockaddr)
    {
        sockaddr[..MaxSize].Clear();
        sockaddr[0] = IsV6 ? (byte)LibC.AfInet6 : (byte)LibC.AfInet;
        BinaryPrimitives.WriteUInt16BigEndian(sockaddr[2..], Port);
        if (!IsV6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(sockaddr[4..], (uint)Address);
            return 16;
        }

        BinaryPrimitives.WriteUInt128BigEndian(sockaddr[8..], Address);
        return MaxSize;
    }
}
