using System.Net;
using System.Net.Sockets;
using ConnExporter.Kernel;

namespace ConnExporter.Web.Connections;

/// <summary>Whom limits are kept for: an IPv4 address, an IPv6 /64 (what one customer has), or everybody on a Unix socket.</summary>
internal static class ClientKey
{
    private const int V6Bits = 64;

    /// <summary>The key of a client; the unspecified address for one without, which only a Unix socket has.</summary>
    public static InetAddress Of(IPAddress? address)
    {
        if (address is null)
        {
            return default;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        InetAddress whole = address.AddressFamily == AddressFamily.InterNetwork ? InetAddress.ReadV4(bytes) : InetAddress.ReadV6(bytes);
        return whole.IsV4 ? whole : whole.Mask(V6Bits);
    }
}
