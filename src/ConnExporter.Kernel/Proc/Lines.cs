namespace ConnExporter.Kernel.Proc;

/// <summary>Lines of a text, read in place, without their line ends.</summary>
internal ref struct Lines
{
    private ReadOnlySpan<byte> rest;

    public Lines(ReadOnlySpan<byte> text) => rest = text;

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
