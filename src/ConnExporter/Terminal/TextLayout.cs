using System.Text;

namespace ConnExporter.Terminal;

/// <summary>Text in columns. East Asian characters take two.</summary>
internal static class TextLayout
{
    /// <summary>Columns that a text takes.</summary>
    public static int WidthOf(string text) => text.EnumerateRunes().Sum(WidthOf);

    /// <summary>Fills a text up with blanks.</summary>
    public static string Pad(string text, int width) => text + new string(' ', Math.Max(0, width - WidthOf(text)));

    /// <summary>The same, with the blanks before it.</summary>
    public static string PadLeft(string text, int width) => new string(' ', Math.Max(0, width - WidthOf(text))) + text;

    /// <summary>Cuts a text that is too long.</summary>
    public static string Cut(string text, int width)
    {
        if (WidthOf(text) <= width)
        {
            return text;
        }

        var cut = new StringBuilder();
        int used = 1;
        foreach (Rune rune in text.EnumerateRunes())
        {
            used += WidthOf(rune);
            if (used > width)
            {
                break;
            }

            cut.Append(rune.ToString());
        }

        return cut.Append('…').ToString();
    }

    /// <summary>Breaks a text into lines between words, or between East Asian characters.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        var line = new StringBuilder();
        int used = 0;
        bool isFirst = true;
        foreach (string word in Words(text))
        {
            int length = WidthOf(word.TrimEnd());
            if (used > 0 && used + length > width)
            {
                yield return line.ToString().TrimEnd();
                line.Clear();
                used = 0;
                isFirst = false;
            }

            // What the line was broken at does not indent the next one.
            if (!isFirst && used == 0 && word == " ")
            {
                continue;
            }

            line.Append(word);
            used += WidthOf(word);
        }

        if (line.Length > 0)
        {
            yield return line.ToString().TrimEnd();
        }
    }

    // A word has its blank with it.
    private static IEnumerable<string> Words(string text)
    {
        var word = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (WidthOf(rune) == 2)
            {
                // Punctuation stays with what it ends.
                if (word.Length > 0 && !IsClosing(rune))
                {
                    yield return word.ToString();
                    word.Clear();
                }

                word.Append(rune.ToString());
                continue;
            }

            word.Append(rune.ToString());
            if (rune.Value == ' ')
            {
                yield return word.ToString();
                word.Clear();
            }
        }

        if (word.Length > 0)
        {
            yield return word.ToString();
        }
    }

    private static bool IsClosing(Rune rune) => "，。；：！？）、」』".Contains(rune.ToString(), StringComparison.Ordinal);

    // Unicode TR11: the blocks that our texts use.
    private static int WidthOf(Rune rune) => rune.Value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) ? 2
        : Rune.IsControl(rune) ? 0 : 1;
}
