using System.Globalization;
using System.Net;
using ConnExporter.Kernel;

namespace ConnExporter.Sampling.Who;

/// <summary>Whose sockets somebody asks for: those of a port, of an address and a port, of a process, or of a unit. One of the four.</summary>
internal sealed record SocketQuestion
{
    /// <summary>The port at either end; null where it is asked for holders.</summary>
    public ushort? Port { get; private init; }

    /// <summary>The address beside the port; null for any.</summary>
    public InetAddress? Address { get; private init; }

    /// <summary>The process.</summary>
    public int? ProcessId { get; private init; }

    /// <summary>The unit or container; without <c>.service</c> the service is meant too.</summary>
    public string? Unit { get; private init; }

    /// <summary>Reads <c>:PORT</c>, <c>ADDRESS:PORT</c> (IPv6 in brackets), a process id, or the name of a unit.</summary>
    /// <param name="text">As it was typed.</param>
    /// <returns>Null where it is none of them.</returns>
    public static SocketQuestion? Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon >= 0 && IsNumber(text[(colon + 1)..]))
        {
            string host = text[..colon];
            if (!ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
            {
                return null;
            }

            return host is "" or "*" ? new SocketQuestion { Port = port }
                : AddressOf(host) is { } address ? new SocketQuestion { Port = port, Address = address }
                : null;
        }

        return IsNumber(text) ? int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && pid > 0 ? new SocketQuestion { ProcessId = pid } : null
            : text.Length > 0 && !text.StartsWith('-') ? new SocketQuestion { Unit = text }
            : null;
    }

    /// <summary>Whether a unit is the one.</summary>
    public bool Is(string unit) => unit == Unit || unit == Unit + ".service";

    private static bool IsNumber(string text) => text.Length > 0 && text.All(char.IsAsciiDigit);

    private static InetAddress? AddressOf(string host)
    {
        // What the C library takes for an address, such as 1.2.3, is one of four numbers here.
        bool isBracketed = host is ['[', .., ']'];
        if (!isBracketed && host.Count(c => c == '.') != 3)
        {
            return null;
        }

        if (!IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address) || isBracketed != host.Contains(':', StringComparison.Ordinal))
        {
            return null;
        }

        byte[] bytes = address.GetAddressBytes();
        return bytes.Length == 4 ? InetAddress.ReadV4(bytes) : InetAddress.ReadV6(bytes);
    }
}
