using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>Where the range of ephemeral ports is read, and what is reserved of it: <c>net.ipv4.*</c> of the network namespace that the kernel is read in. For one thread.</summary>
internal sealed class PortRangeSource(KernelSource kernel) : IDisposable
{
    private readonly ProcFile range = kernel.Proc.File("sys/net/ipv4/ip_local_port_range");
    private readonly ProcFile reserved = kernel.Proc.File("sys/net/ipv4/ip_local_reserved_ports");
    private PortSet? reservedPorts;
    private byte[] reservedText = [];

    /// <summary>Reads them.</summary>
    /// <param name="context">Notes where it is not known which ports are reserved.</param>
    /// <returns>The range in force; ports of it that are reserved, null where that is not known.</returns>
    /// <exception cref="KernelReadException">There is no range, or what is there cannot be understood.</exception>
    public (PortRange Range, PortSet? Reserved) Read(CollectContext context) => (PortRange.Parse(range.Path, range.Read()), context.PartOf(ReadReserved));

    /// <summary>Closes the files. What is read next opens them again.</summary>
    public void Dispose()
    {
        range.Dispose();
        reserved.Dispose();
    }

    // It changes hardly ever, and most often says nothing.
    private PortSet ReadReserved()
    {
        ReadOnlySpan<byte> text = reserved.Read();
        if (reservedPorts is null || !text.SequenceEqual(reservedText))
        {
            reservedPorts = PortSet.Parse(reserved.Path, text);
            reservedText = text.ToArray();
        }

        return reservedPorts;
    }
}
