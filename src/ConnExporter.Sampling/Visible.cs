using System.Buffers;
using System.Globalization;
using System.Text;
using ConnExporter.Kernel.Cgroups;

namespace ConnExporter.Sampling;

/// <summary>Makes text show as what it is. A process may call itself anything: a name with a line end in it, one that turns the direction of writing, or one that commands a terminal.</summary>
internal static class Visible
{
    // What never shows and is no control or format character: joiners, fillers, selectors of variants, tags (Unicode: Default_Ignorable_Code_Point).
    private static readonly (int First, int Last)[] Ignored =
    [
        (0x34f, 0x34f), (0x115f, 0x1160), (0x17b4, 0x17b5), (0x180b, 0x180f), (0x2065, 0x2065), (0x3164, 0x3164), (0xfe00, 0xfe0f), (0xffa0, 0xffa0), (0xfff0, 0xfff8), (0xe0000, 0xe0fff),
    ];

    /// <summary>The text with escapes such as <c>\n</c>, <c>\u202e</c> and <c>\U000e0041</c> for characters that do not show.</summary>
    public static string Of(string text) => Escape(text, Hides);

    /// <summary>A name from outside, as one word of a text: blanks are escaped too, <c>\x20</c> as systemd writes them, so that no line ends within it and none begins with what looks like a command of ours.</summary>
    /// <param name="name">Of a process, a unit, a network namespace, a file.</param>
    public static string Name(string name) => Container.IsOfPod(name) ? Container.PodPrefix + Word(name[Container.PodPrefix.Length..]) : Word(name);

    private static string Word(string name) => Escape(name, static rune => Hides(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator);

    private static string Escape(string text, Func<Rune, bool> isEscaped)
    {
        if (!Has(text, isEscaped))
        {
            return text;
        }

        var shown = new StringBuilder();
        for (ReadOnlySpan<char> rest = text; !rest.IsEmpty;)
        {
            // Half a surrogate pair is no rune; it stays as it is.
            bool isWhole = Rune.DecodeFromUtf16(rest, out Rune rune, out int length) == OperationStatus.Done;
            _ = (isWhole, rune.Value) switch
            {
                (true, '\n') => shown.Append("\\n"),
                (true, '\r') => shown.Append("\\r"),
                (true, '\t') => shown.Append("\\t"),
                (true, ' ') when isEscaped(rune) => shown.Append(@"\x20"),
                (true, _) when isEscaped(rune) => shown.Append(rune.IsBmp ? $"\\u{rune.Value:x4}" : $"\\U{rune.Value:x8}"),
                _ => shown.Append(rest[..length]),
            };
            rest = rest[length..];
        }

        return shown.ToString();
    }

    /// <summary>Whether the text shows as what it is, so that who copies it has it: nothing in it hides, and nothing stands for bytes that are no text.</summary>
    public static bool IsExact(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar || Hides(rune))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Has(string text, Func<Rune, bool> isEscaped)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (isEscaped(rune))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Hides(Rune rune) =>
        (!rune.IsAscii && Array.Exists(Ignored, range => rune.Value >= range.First && rune.Value <= range.Last))
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
