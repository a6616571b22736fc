namespace ConnExporter.Kernel.Proc;

/// <summary>Lines of a text, read in place, without their line ends.</summary>
internal ref struct Lines
{
    private ReadOnlySpan<byte> rest;

    /// <summary>The lines of a text that is known to be whole.</summary>
    public Lines(ReadOnlySpan<byte> text) => rest = text;

    /// <summary>The lines of a whole file.</summary>
    /// <exception cref="KernelReadException">Broken where the last line has no end.</exception>
    public Lines(string path, ReadOnlySpan<byte> text)
    {
        RefuseCut(path, text);
        rest = text;
    }

    /// <summary>Whether the last line has its end. The kernel ends every line, so a text that stops before it was cut, maybe in the middle of a number.</summary>
    public static bool AreWhole(ReadOnlySpan<byte> text) => text.IsEmpty || text[^1] == (byte)'\n';

    /// <summary>Throws where <see cref="AreWhole"/> does not hold.</summary>
    public static void RefuseCut(string path, ReadOnlySpan<byte> text)
    {
        if (!AreWhole(text))
        {
            throw KernelReadException.Parse(path, "a line end after the last line", text[(text.LastIndexOf((byte)'\n') + 1)..]);
        }
    }

    /// <summary>The next line; an empty rest has none.</summary>
    public bool TryNext(out ReadOnlySpan<byte> line)
    {
        if (rest.IsEmpty)
        {
            line = default;
            return false;
        }

        int end = rest.IndexOf((byte)'\n');
        line = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : rest[(end + 1)..];
        return true;
    }
}
