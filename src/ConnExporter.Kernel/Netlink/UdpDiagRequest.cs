using System.Runtime.InteropServices;

namespace ConnExporter.Kernel.Netlink;

/// <summary>What to ask of <c>inet_diag</c> for UDP: a dump of the sockets of one family, with their memory and drops.</summary>
/// <remarks>
/// The old request that walks both families at once knows TCP alone, so this is <c>SOCK_DIAG_BY_FAMILY</c> (20) and a walk for each
/// (net/ipv4/udp_diag.c:udp_dump). Sockets without a port are in no table and not shown. No privilege is needed.
/// </remarks>
/// <param name="IsV6">Whether those of IPv6 are asked for, IPv4 through IPv6 among them; else those of IPv4.</param>
public readonly record struct UdpDiagRequest(bool IsV6)
{
    /// <summary>The bytes of a request.</summary>
    public const int Size = NetlinkMessageReader.HeaderSize + 56;

    internal const ushort MessageType = 20;
    private const byte FamilyV4 = 2;
    private const byte FamilyV6 = 10;
    private const byte ProtocolUdp = 17;

    /// <summary>Writes the request as it goes to the kernel.</summary>
    /// <param name="buffer"><see cref="Size"/> bytes.</param>
    /// <param name="sequence">The sequence number that the answers will carry.</param>
    public void Write(Span<byte> buffer, uint sequence)
    {
        // struct inet_diag_req_v2 (linux/inet_diag.h): family 0, protocol 1, ext 2, states 4, id 8..56.
        Span<byte> request = NetlinkRequest.Begin(buffer, Size, MessageType, sequence);
        request[0] = IsV6 ? FamilyV6 : FamilyV4;
        request[1] = ProtocolUdp;
        request[2] = SockDiagRequest.SocketMemory;
        MemoryMarshal.Write(request[4..], uint.MaxValue);
    }
}
