using System.Globalization;
using System.Runtime.InteropServices;

namespace ConnExporter.Kernel;

/// <summary>Names of network interfaces.</summary>
public static unsafe class NetworkInterface
{
    // IF_NAMESIZE, with its NUL.
    private const int Longest = 16;

    /// <summary>The name of an interface in the network namespace of the calling thread.</summary>
    /// <param name="index">Its number.</param>
    /// <returns>Such as <c>eth0</c>; <c>if7</c> where there is no such interface (any more), as ss writes it.</returns>
    public static string NameOf(uint index)
    {
        byte* name = stackalloc byte[Longest];
        return LibC.InterfaceName(index, name) is not null
            ? Utf8Text.Of(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name))
            : string.Create(CultureInfo.InvariantCulture, $"if{index}");
    }

    /// <summary>An address as ss writes that of a socket: with the interface behind a percent sign where it is bound to one.</summary>
    /// <param name="address">The address.</param>
    /// <param name="index">The number of the interface; 0 for none.</param>
    public static string Scoped(InetAddress address, uint index) => index == 0 ? address.ToString() : $"{address}%{NameOf(index)}";
}
