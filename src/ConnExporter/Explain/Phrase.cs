using System.Text;

namespace ConnExporter.Explain;

/// <summary>How texts are compared: case does not matter, and space, hyphen and underscore are the same.</summary>
internal static class Phrase
{
    private const char Escape = '\e';
    private const char CurlyApostrophe = '\u2019';

    /// <summary>A text as it is compared: lower case, one space between words, without the colours of a terminal.</summary>
    public static string Normalise(ReadOnlySpan<char> text)
    {
        var normal = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == Escape)
            {
                i = EndOfSequence(text, i);
                c = ' ';
            }

            if (c is not ('_' or '-') && !char.IsWhiteSpace(c))
            {
                normal.Append(c == CurlyApostrophe ? '\'' : char.ToLowerInvariant(c));
            }
            else if (normal.Length > 0 && normal[^1] != ' ')
            {
                normal.Append(' ');
            }
        }

        return normal.ToString().TrimEnd();
    }

    /// <summary>How well a text fits a pattern: the letters that the pattern accounts for; 0 where it does not fit.</summary>
    /// <param name="pattern">Normalised. All pieces between <c>*</c> must occur, in this order, as whole words.</param>
    /// <param name="text">Normalised.</param>
    public static int Fit(string pattern, ReadOnlySpan<char> text)
    {
        int at = 0, fit = 0;
        foreach (Range range in pattern.AsSpan().Split('*'))
        {
            ReadOnlySpan<char> piece = pattern.AsSpan(range).Trim();
            int found = Find(text, piece, at);
            if (found < 0)
            {
                return 0;
            }

            at = found + piece.Length;
            fit += piece.Length;
        }

        return fit;
    }

    /// <summary>Where a piece stands as whole words; -1 where it does not.</summary>
    /// <param name="text">Normalised.</param>
    /// <param name="piece">Normalised.</param>
    /// <param name="start">Where to begin.</param>
    public static int Find(ReadOnlySpan<char> text, ReadOnlySpan<char> piece, int start = 0)
    {
        while (start <= text.Length && text[start..].IndexOf(piece) is >= 0 and var ahead)
        {
            int found = start + ahead;
            if (!IsInsideWord(text, found) && !IsInsideWord(text, found + piece.Length))
            {
                return found;
            }

            start = found + 1;
        }

        return -1;
    }

    /// <summary>Whether one of them stands in the text as whole words.</summary>
    public static bool Has(ReadOnlySpan<char> text, params ReadOnlySpan<string> pieces)
    {
        foreach (string piece in pieces)
        {
            if (Find(text, piece) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsInsideWord(ReadOnlySpan<char> text, int place) =>
        place > 0 && place < text.Length && char.IsAsciiLetterOrDigit(text[place - 1]) && char.IsAsciiLetterOrDigit(text[place]);

    // ECMA-48: ESC [, parameters, and a letter that ends it.
    private static int EndOfSequence(ReadOnlySpan<char> text, int escape)
    {
        int end = escape + 1;
        if (end < text.Length && text[end] == '[')
        {
            for (end++; end < text.Length && text[end] is >= ' ' and <= '?'; end++)
            {
            }
        }

        return Math.Min(end, text.Length - 1);
    }
}
