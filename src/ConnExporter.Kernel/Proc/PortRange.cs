namespace ConnExporter.Kernel.Proc;

/// <summary><c>net.ipv4.ip_local_port_range</c>: the ports that the kernel hands out, of the network namespace.</summary>
/// <param name="First">The first port.</param>
/// <param name="Last">The last port, included.</param>
public readonly record struct PortRange(ushort First, ushort Last)
{
    /// <summary>How many ports there are.</summary>
    public int Count => Last - First + 1;

    /// <summary>Reads the sysctl.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where it is not two ports in order.</exception>
    public static PortRange Parse(string path, ReadOnlySpan<byte> text)
    {
        Lines.RefuseCut(path, text);
        var fields = new Fields(text);
        return fields.TryNextNumber(out ulong first) && fields.TryNextNumber(out ulong last) && fields.AtEnd && first <= last && last <= ushort.MaxValue
            ? new((ushort)first, (ushort)last)
            : throw KernelReadException.Parse(path, "two ports in order", text);
    }
}
