namespace ConnExporter.Kernel.Proc;

/// <summary>The format of <c>/proc/net/snmp6</c>: a name and a value a line.</summary>
public static class NameValueLines
{
    /// <summary>Picks values by name; which there are, and their order, differs between kernels.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="text">The whole file.</param>
    /// <param name="names">The wanted names.</param>
    /// <param name="values">One place a name: null where this kernel has no such line, or a value that is no unsigned number.</param>
    /// <returns>How many wanted lines held something other than an unsigned number below 2^64.</returns>
    /// <exception cref="KernelReadException">Broken where a line is not a name and a word, or there is none.</exception>
    public static int Parse(string path, ReadOnlySpan<byte> text, ReadOnlySpan<byte[]> names, Span<ulong?> values)
    {
        values.Clear();
        int rejected = 0;
        var lines = new Lines(path, text);
        if (text.IsEmpty)
        {
            throw KernelReadException.Parse(path, "a name and a value a line", text);
        }

        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            var fields = new Fields(line);
            if (!fields.TryNext(out ReadOnlySpan<byte> name) || !fields.TryNext(out ReadOnlySpan<byte> word) || !fields.AtEnd)
            {
                values.Clear();
                throw KernelReadException.Parse(path, "a name and a value a line", line);
            }

            for (int i = 0; i < names.Length; i++)
            {
                if (name.SequenceEqual(names[i]))
                {
                    bool isNumber = Fields.TryNumber(word, out ulong value);
                    values[i] = isNumber ? value : null;
                    rejected += isNumber ? 0 : 1;
                    break;
                }
            }
        }

        return rejected;
    }
}
