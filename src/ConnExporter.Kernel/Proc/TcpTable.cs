using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Kernel.Proc;

/// <summary><c>/proc/net/tcp</c> and <c>/proc/net/tcp6</c>, a line a socket: what is left where sock_diag is missing. Slow, but exact by state.</summary>
/// <remarks>net/ipv4/tcp_ipv4.c:get_tcp4_sock. Request sockets are shown as SYN_RECV, minisockets of orphans as FIN_WAIT2.</remarks>
public static class TcpTable
{
    /// <summary>How many values <see cref="TcpState"/> has: the length of a tally.</summary>
    public const int StateCount = (int)TcpState.Closing + 1;

    /// <summary>Adds the sockets of a table to a tally by state.</summary>
    /// <param name="file">The table.</param>
    /// <param name="tally">One place a state; states without a name count as Unknown.</param>
    /// <exception cref="KernelReadException">As the file's, and Broken for a line that is not a socket's.</exception>
    public static void Tally(LineFile file, Span<ulong> tally)
    {
        ArgumentNullException.ThrowIfNull(file);
        file.Rewind();
        if (!file.TryNextLine(out ReadOnlySpan<byte> header) || header.IndexOf("local_address"u8) < 0)
        {
            throw KernelReadException.Parse(file.Path, "a header with local_address", header);
        }

        while (file.TryNextLine(out ReadOnlySpan<byte> line))
        {
            tally[(int)ParseState(file.Path, line)]++;
        }
    }

    /// <summary>The state of one line: the fourth field, hexadecimal.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="line">One line after the header.</param>
    /// <exception cref="KernelReadException">Broken where the line is not a socket's.</exception>
    public static TcpState ParseState(string path, ReadOnlySpan<byte> line)
    {
        // "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 ..."
        var fields = new Fields(line);
        bool whole = fields.TryNext(out ReadOnlySpan<byte> number) & fields.TryNext(out ReadOnlySpan<byte> local)
            & fields.TryNext(out ReadOnlySpan<byte> remote) & fields.TryNext(out ReadOnlySpan<byte> state) & fields.TryNext(out ReadOnlySpan<byte> queues);
        if (!whole || number[^1] != (byte)':' || !local.Contains((byte)':') || !remote.Contains((byte)':') || !queues.Contains((byte)':')
            || state.Length != 2 || !Fields.TryHexNumber(state, out ulong value))
        {
            throw KernelReadException.Parse(path, "a socket's line", line);
        }

        return value <= (ulong)TcpState.Closing ? (TcpState)value : TcpState.Unknown;
    }
}
