namespace ConnExporter.Kernel.Proc;

/// <summary>The format of <c>/proc/net/snmp</c> and <c>/proc/net/netstat</c>: a row of names, then a row of values, each behind the block's name.</summary>
public static class NameValueTable
{
    /// <summary>Picks values of one block by name; the order and number of columns differ between kernels.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <param name="block">The block with its colon, such as <c>TcpExt:</c>.</param>
    /// <param name="names">The wanted names. Cheapest in the kernel's own order.</param>
    /// <param name="values">One place a name: null where this kernel has no such column, or a value that is no unsigned number.</param>
    /// <returns>How many wanted columns held something other than an unsigned number below 2^64.</returns>
    /// <exception cref="KernelReadException">Broken without the block, and where its two rows do not match.</exception>
    public static int Parse(string path, ReadOnlySpan<byte> text, ReadOnlySpan<byte> block, ReadOnlySpan<byte[]> names, Span<ulong?> values)
    {
        values.Clear();
        var lines = new Lines(path, text);
        while (lines.TryNext(out ReadOnlySpan<byte> header))
        {
            if (!header.StartsWith(block))
            {
                continue;
            }

            return lines.TryNext(out ReadOnlySpan<byte> row) && row.StartsWith(block)
                ? Pick(path, header[block.Length..], row[block.Length..], names, values)
                : throw KernelReadException.Parse(path, $"a row of values after the names of {Show(block)}", row);
        }

        throw KernelReadException.Parse(path, $"a block {Show(block)}", text);
    }

    private static int Pick(string path, ReadOnlySpan<byte> header, ReadOnlySpan<byte> row, ReadOnlySpan<byte[]> names, Span<ulong?> values)
    {
        var columns = new Fields(header);
        var fields = new Fields(row);
        int rejected = 0;
        int expected = 0;
        while (columns.TryNext(out ReadOnlySpan<byte> column))
        {
            if (!fields.TryNext(out ReadOnlySpan<byte> field))
            {
                values.Clear();
                throw KernelReadException.Parse(path, "as many values as names", row);
            }

            int index = IndexOf(names, column, expected);
            if (index < 0)
            {
                continue;
            }

            expected = index + 1;
            if (Fields.TryNumber(field, out ulong value))
            {
                values[index] = value;
            }
            else
            {
                rejected++;
            }
        }

        if (!fields.AtEnd)
        {
            values.Clear();
            throw KernelReadException.Parse(path, "as many values as names", row);
        }

        return rejected;
    }

    // Names come in the kernel's order as a rule: the next one is looked at first.
    private static int IndexOf(ReadOnlySpan<byte[]> names, ReadOnlySpan<byte> column, int expected)
    {
        for (int i = expected; i < names.Length; i++)
        {
            if (column.SequenceEqual(names[i]))
            {
                return i;
            }
        }

        for (int i = 0; i < expected && i < names.Length; i++)
        {
            if (column.SequenceEqual(names[i]))
            {
                return i;
            }
        }

        return -1;
    }

    private static string Show(ReadOnlySpan<byte> block) => System.Text.Encoding.ASCII.GetString(block);
}
