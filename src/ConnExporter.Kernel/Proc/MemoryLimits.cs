namespace ConnExporter.Kernel.Proc;

/// <summary><c>net.ipv4.tcp_mem</c>, and <c>udp_mem</c>: three thresholds in pages, of the whole host.</summary>
/// <param name="LowPages">Below it the protocol never worries.</param>
/// <param name="PressurePages">Above it it is under pressure.</param>
/// <param name="LimitPages">Above it nothing is allocated.</param>
public readonly record struct MemoryLimits(ulong LowPages, ulong PressurePages, ulong LimitPages)
{
    /// <summary>Reads the sysctl.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where it is not three numbers.</exception>
    public static MemoryLimits Parse(string path, ReadOnlySpan<byte> text)
    {
        Lines.RefuseCut(path, text);
        var fields = new Fields(text);
        return fields.TryNextNumber(out ulong low) && fields.TryNextNumber(out ulong pressure) && fields.TryNextNumber(out ulong limit) && fields.AtEnd
            ? new(low, pressure, limit)
            : throw KernelReadException.Parse(path, "three numbers", text);
    }

    /// <summary>Reads the sysctl, which network namespaces other than the first do not have: it is the host's.</summary>
    /// <param name="file">The file.</param>
    /// <returns>Null where there is none; any other failure is thrown.</returns>
    /// <exception cref="KernelReadException">As <see cref="ProcFile.Read"/> and <see cref="Parse"/>, but for Absent.</exception>
    public static MemoryLimits? ReadIfThere(ProcFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            return Parse(file.Path, file.Read());
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return null;
        }
    }
}
