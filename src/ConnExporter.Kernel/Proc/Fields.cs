using System.Buffers.Text;

namespace ConnExporter.Kernel.Proc;

/// <summary>Words of a text, split at blanks and line ends, read in place.</summary>
internal ref struct Fields
{
    private ReadOnlySpan<byte> rest;

    public Fields(ReadOnlySpan<byte> text) => rest = text;

    /// <summary>Whether no further word is there.</summary>
    public readonly bool AtEnd => rest.IndexOfAnyExcept(" \t\n"u8) < 0;

    /// <summary>The next word.</summary>
    public bool TryNext(out ReadOnlySpan<byte> word)
    {
        int start = rest.IndexOfAnyExcept(" \t\n"u8);
        if (start < 0)
        {
            word = rest = default;
            return false;
        }

        rest = rest[start..];
        int end = rest.IndexOfAny(" \t\n"u8);
        word = end < 0 ? rest : rest[..end];
        rest = rest[word.Length..];
        return true;
    }

    /// <summary>The next word as an unsigned decimal number; false where there is none or it is anything else.</summary>
    public bool TryNextNumber(out ulong value)
    {
        value = 0;
        return TryNext(out ReadOnlySpan<byte> word) && TryNumber(word, out value);
    }

    /// <summary>A whole word as an unsigned decimal number below 2^64.</summary>
    public static bool TryNumber(ReadOnlySpan<byte> word, out ulong value)
    {
        value = 0;
        return word.Length > 0 && word[0] is >= (byte)'0' and <= (byte)'9' && Utf8Parser.TryParse(word, out value, out int used) && used == word.Length;
    }

    /// <summary>A whole word as an unsigned hexadecimal number below 2^64.</summary>
    public static bool TryHexNumber(ReadOnlySpan<byte> word, out ulong value)
    {
        value = 0;
        return word.Length > 0 && Utf8Parser.TryParse(word, out value, out int used, 'x') && used == word.Length;
    }
}
