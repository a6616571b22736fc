using System.Globalization;
using System.Text;

namespace ConnExporter.Texts;

/// <summary>Makes text show as what it is. A process may call itself anything: a name with a line end in it, one that turns the direction of writing, or one that commands a terminal.</summary>
internal static class Visible
{
    /// <summary>The text with escapes such as <c>\n</c> and <c>\u202e</c> for characters that do not show.</summary>
    public static string Of(string text)
    {
        if (!text.Any(Hides))
        {
            return text;
        }

        var shown = new StringBuilder();
        foreach (char character in text)
        {
            _ = character switch
            {
                '\n' => shown.Append("\\n"),
                '\r' => shown.Append("\\r"),
                '\t' => shown.Append("\\t"),
                _ when Hides(character) => shown.Append($"\\u{(int)character:x4}"),
                _ => shown.Append(character),
            };
        }

        return shown.ToString();
    }

    private static bool Hides(char character) =>
        char.GetUnicodeCategory(character) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
