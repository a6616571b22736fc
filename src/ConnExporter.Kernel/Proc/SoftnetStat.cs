namespace ConnExporter.Kernel.Proc;

/// <summary>
/// <c>/proc/net/softnet_stat</c>: what the processors did with packets before any protocol saw them; one row of hexadecimal numbers for each online CPU, without a header, of which
/// the first three have been the same since Linux 2.6 (net/core/net-procfs.c:softnet_seq_show). Of the whole host, whichever network namespace is asked.
/// </summary>
/// <param name="Processed">Packets taken in.</param>
/// <param name="Dropped">Packets dropped because the backlog of their processor was full (net.core.netdev_max_backlog).</param>
/// <param name="Squeezed">Times that a processor had packets left when its time or its budget was used up.</param>
public readonly record struct SoftnetStat(ulong Processed, ulong Dropped, ulong Squeezed)
{
    private const int Columns = 3;

    /// <summary>Sums the rows. Each counter has 32 bits, the sum has 64.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <exception cref="KernelReadException">Broken where there is no row, or one has no three hexadecimal numbers to begin with.</exception>
    public static SoftnetStat Parse(string path, ReadOnlySpan<byte> text)
    {
        Span<ulong> sums = stackalloc ulong[Columns];
        sums.Clear();
        int rows = 0;
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            var fields = new Fields(line);
            for (int column = 0; column < Columns; column++)
            {
                if (!fields.TryNext(out ReadOnlySpan<byte> field) || !Fields.TryHexNumber(field, out ulong value) || value > uint.MaxValue)
                {
                    throw KernelReadException.Parse(path, "three hexadecimal numbers of 32 bits to begin a row", line);
                }

                sums[column] += value;
            }

            rows++;
        }

        return rows > 0 ? new(sums[0], sums[1], sums[2]) : throw KernelReadException.Parse(path, "a row for each CPU", text);
    }
}
