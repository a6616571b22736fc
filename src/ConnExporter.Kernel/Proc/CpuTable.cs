namespace ConnExporter.Kernel.Proc;

/// <summary>
/// The form of the tables in <c>/proc/net/stat</c>: a header, and one row of hexadecimal numbers for each possible CPU. The column <c>entries</c> is the same in each
/// row; the others are counters of their CPU.
/// </summary>
internal static class CpuTable
{
    /// <summary>Sums columns over the rows, by their names in the header.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <param name="names">The columns.</param>
    /// <param name="sums">One sum for each, 64 bits wide.</param>
    /// <param name="found">Whether this kernel has the column.</param>
    /// <returns>Entries; null where the header has no column of just that name.</returns>
    /// <exception cref="KernelReadException">Broken where a row does not match the header or holds anything but hexadecimal numbers.</exception>
    public static ulong? Sum(string path, ReadOnlySpan<byte> text, byte[][] names, Span<ulong> sums, Span<bool> found)
    {
        var lines = new Lines(path, text);
        if (!lines.TryNext(out ReadOnlySpan<byte> header) || header.IndexOf("entries"u8) < 0)
        {
            throw KernelReadException.Parse(path, "a header with the column entries", text);
        }

        sums.Clear();
        found.Clear();
        int rows = 0;
        ulong? entries = null;
        while (lines.TryNext(out ReadOnlySpan<byte> row))
        {
            Add(path, header, row, names, sums, found, ref entries);
            rows++;
        }

        return rows > 0 ? entries : throw KernelReadException.Parse(path, "a row for each CPU", text);
    }

    private static void Add(string path, ReadOnlySpan<byte> header, ReadOnlySpan<byte> row, byte[][] names, Span<ulong> sums, Span<bool> found, ref ulong? entries)
    {
        var columns = new Fields(header);
        var fields = new Fields(row);
        while (columns.TryNext(out ReadOnlySpan<byte> column))
        {
            if (!fields.TryNext(out ReadOnlySpan<byte> field) || !Fields.TryHexNumber(field, out ulong value))
            {
                throw KernelReadException.Parse(path, "a hexadecimal number for each name in the header", row);
            }

            entries = column.SequenceEqual("entries"u8) ? value : entries;
            for (int i = 0; i < names.Length; i++)
            {
                if (column.SequenceEqual(names[i]))
                {
                    // A counter over its end starts over; so does its sum.
                    sums[i] = unchecked(sums[i] + value);
                    found[i] = true;
                    break;
                }
            }
        }

        if (!fields.AtEnd)
        {
            throw KernelReadException.Parse(path, "a name in the header for each number", row);
        }
    }
}
