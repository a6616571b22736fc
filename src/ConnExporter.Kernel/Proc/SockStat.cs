namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/net/sockstat</c>: TCP counts that the kernel keeps anyway (net/ipv4/proc.c:sockstat_seq_show).</summary>
/// <param name="InUse">Hashed IPv4 sockets of the namespace, listeners included, without TIME_WAIT and request sockets.</param>
/// <param name="Orphans">Sockets that no process holds any more; of the whole host.</param>
/// <param name="TimeWait">Minisockets of the namespace, both families: TIME_WAIT, and FIN_WAIT2 of orphans.</param>
/// <param name="MemoryPages">Pages that TCP buffers hold; of the whole host.</param>
public readonly record struct SockStat(ulong InUse, ulong Orphans, ulong TimeWait, ulong MemoryPages)
{
    /// <summary>Reads the line <c>TCP:</c>.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where the line or one of its four fields is missing.</exception>
    public static SockStat Parse(string path, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> line = LineOf(path, text, "TCP:"u8);
        return new(Field(path, line, "inuse"u8), Field(path, line, "orphan"u8), Field(path, line, "tw"u8), Field(path, line, "mem"u8));
    }

    /// <summary>Reads <c>TCP6: inuse</c> of <c>/proc/net/sockstat6</c>: hashed IPv6 sockets, as <see cref="InUse"/> for IPv4.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where the line or the field is missing.</exception>
    public static ulong ParseInUse6(string path, ReadOnlySpan<byte> text) => Field(path, LineOf(path, text, "TCP6:"u8), "inuse"u8);

    /// <summary>The same of a file that is not there where IPv6 is switched off: there are none then.</summary>
    /// <param name="file"><c>/proc/net/sockstat6</c>.</param>
    /// <exception cref="KernelReadException">Any failure but that there is no such file.</exception>
    public static ulong ReadInUse6IfThere(ProcFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            return ParseInUse6(file.Path, file.Read());
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return 0;
        }
    }

    /// <summary>Reads the line <c>UDP:</c>: hashed IPv4 sockets of UDP of the namespace, and pages that UDP's buffers hold, of the whole host.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where the line or one of its two fields is missing.</exception>
    public static (ulong InUse, ulong MemoryPages) ParseUdp(string path, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> line = LineOf(path, text, "UDP:"u8);
        return (Field(path, line, "inuse"u8), Field(path, line, "mem"u8));
    }

    /// <summary>Reads <c>UDP6: inuse</c> of <c>/proc/net/sockstat6</c>, which is not there where IPv6 is switched off: there are none then.</summary>
    /// <param name="file"><c>/proc/net/sockstat6</c>.</param>
    /// <exception cref="KernelReadException">Any failure but that there is no such file.</exception>
    public static ulong ReadUdpInUse6IfThere(ProcFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            return Field(file.Path, LineOf(file.Path, file.Read(), "UDP6:"u8), "inuse"u8);
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return 0;
        }
    }

    /// <summary>Reads <c>sockets: used</c>: sockets of every family of the namespace; before Linux 4.16 of the whole host.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where the line or the field is missing.</exception>
    public static ulong ParseAll(string path, ReadOnlySpan<byte> text) => Field(path, LineOf(path, text, "sockets:"u8), "used"u8);

    private static ReadOnlySpan<byte> LineOf(string path, ReadOnlySpan<byte> text, ReadOnlySpan<byte> name)
    {
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            if (line.StartsWith(name))
            {
                return line[name.Length..];
            }
        }

        throw KernelReadException.Parse(path, $"a line {System.Text.Encoding.ASCII.GetString(name)}", text);
    }

    private static ulong Field(string path, ReadOnlySpan<byte> line, ReadOnlySpan<byte> name)
    {
        var fields = new Fields(line);
        while (fields.TryNext(out ReadOnlySpan<byte> word))
        {
            if (word.SequenceEqual(name))
            {
                return fields.TryNextNumber(out ulong value)
                    ? value
                    : throw KernelReadException.Parse(path, $"a number after {System.Text.Encoding.ASCII.GetString(name)}", line);
            }

            fields.TryNext(out _);
        }

        throw KernelReadException.Parse(path, $"a field {System.Text.Encoding.ASCII.GetString(name)}", line);
    }
}
