namespace ConnExporter.Kernel.Proc;

/// <summary>
/// The ports of <c>/proc/net/udp</c> and <c>/proc/net/udp6</c> that a socket without a peer is bound to: those of services, and of clients that let the kernel choose and
/// never call connect() (net/ipv4/udp.c:udp4_format_sock). For one thread at a time.
/// </summary>
public sealed class UdpTables : IDisposable
{
    /// <summary>Sockets that are read: the kernel goes over its table anew for every page of the file, so very many cost their square.</summary>
    public const int MostSockets = 4096;

    private readonly LineFile udp;
    private readonly LineFile udp6;

    /// <summary>The tables of the network namespace that a proc file system shows; nothing is opened yet.</summary>
    /// <param name="proc">The proc file system.</param>
    public UdpTables(ProcFs proc)
    {
        ArgumentNullException.ThrowIfNull(proc);
        udp = new LineFile(proc.NetPathOf("udp"));
        udp6 = new LineFile(proc.NetPathOf("udp6"));
    }

    /// <summary>Reads both.</summary>
    /// <returns>The ports; null where there are more sockets than are read.</returns>
    /// <exception cref="KernelReadException">As <see cref="LineFile.Rewind"/>, and Broken for a file or a line that is not of such a table. Without IPv6 there is no second one, which is none.</exception>
    public PortSet? Read()
    {
        var ports = new PortSet.Builder();
        int room = MostSockets;
        try
        {
            bool whole = TryAdd(udp, ports, ref room);
            try
            {
                whole = whole && TryAdd(udp6, ports, ref room);
            }
            catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
            {
                // IPv6 is switched off: there are none.
            }

            return whole ? ports.ToSet() : null;
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        udp.Dispose();
        udp6.Dispose();
    }

    /// <summary>The local port of one line.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="line">One line after the header.</param>
    /// <returns>Null where the socket has a peer.</returns>
    /// <exception cref="KernelReadException">Broken where the line is not a socket's.</exception>
    public static ushort? Parse(string path, ReadOnlySpan<byte> line)
    {
        // "  101: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 ..."
        var fields = new Fields(line);
        return fields.TryNext(out _) & fields.TryNext(out ReadOnlySpan<byte> local) & fields.TryNext(out ReadOnlySpan<byte> remote) && TryPort(local, out ushort port) && TryPort(remote, out ushort peer)
            ? peer == 0 ? port : null
            : throw KernelReadException.Parse(path, "a socket's line", line);
    }

    private static bool TryAdd(LineFile file, PortSet.Builder ports, ref int room)
    {
        file.Rewind();
        if (!file.TryNextLine(out ReadOnlySpan<byte> header) || header.IndexOf("local_address"u8) < 0)
        {
            throw KernelReadException.Parse(file.Path, "a header with local_address", header);
        }

        while (file.TryNextLine(out ReadOnlySpan<byte> line))
        {
            if (room-- == 0)
            {
                return false;
            }

            if (Parse(file.Path, line) is { } port)
            {
                ports.Add(port);
            }
        }

        return true;
    }

    private static bool TryPort(ReadOnlySpan<byte> endpoint, out ushort port)
    {
        int colon = endpoint.IndexOf((byte)':');
        bool isPort = Fields.TryHexNumber(endpoint[(colon + 1)..], out ulong number) & colon is 8 or 32 && number <= ushort.MaxValue;
        port = isPort ? (ushort)number : default;
        return isPort;
    }
}
