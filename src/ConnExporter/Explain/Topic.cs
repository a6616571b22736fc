using System.Collections.Immutable;
using System.Text;

namespace ConnExporter.Explain;

/// <summary>The groups that topics are listed in.</summary>
internal enum TopicKind
{
    /// <summary>A finding with a page of its own.</summary>
    Finding,

    /// <summary>A finding of the tuning audit: a section of <c>tuning.md</c>.</summary>
    Tuning,

    /// <summary>A message that does not belong to one finding alone: a section of <c>errors.md</c>.</summary>
    Message,

    /// <summary>A sysctl.</summary>
    Setting,

    /// <summary>Advice that is wrong: a section of <c>folklore.md</c>.</summary>
    Folklore,

    /// <summary>A command people are used to: a section of <c>habits.md</c>.</summary>
    Habit,
}

/// <summary>Something that can be asked for.</summary>
/// <param name="Kind">Its group.</param>
/// <param name="Id">Its name, which finds it; of a setting, the last part of it is enough.</param>
/// <param name="Page">The page that answers.</param>
/// <param name="Section">The key of the section that does, where it is not the whole page.</param>
/// <param name="Patterns">
/// Texts that mean it, in any language: all pieces between <c>*</c> must occur, in this order, as whole words. Case does not matter, and space, hyphen and
/// underscore are the same.
/// </param>
internal sealed record Topic(TopicKind Kind, string Id, string Page, string? Section, params ImmutableArray<string> Patterns)
{
    /// <summary>How well a text fits: the letters that the best pattern accounts for; 0 where none fits.</summary>
    /// <param name="normal">The text, normalised.</param>
    public int Fit(string normal) => (Kind == TopicKind.Setting ? Patterns : Patterns.Add(Id)).Max(pattern => Fit(Normalise(pattern), normal));

    /// <summary>A text as it is compared: lower case, one space between words.</summary>
    public static string Normalise(string text)
    {
        var normal = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (c is not ('_' or '-') && !char.IsWhiteSpace(c))
            {
                normal.Append(char.ToLowerInvariant(c));
            }
            else if (normal.Length > 0 && normal[^1] != ' ')
            {
                normal.Append(' ');
            }
        }

        return normal.ToString().TrimEnd();
    }

    private static int Fit(string pattern, string text)
    {
        int at = 0, fit = 0;
        foreach (string piece in pattern.Split('*', StringSplitOptions.TrimEntries))
        {
            int found = FindWords(text, piece, at);
            if (found < 0)
            {
                return 0;
            }

            at = found + piece.Length;
            fit += piece.Length;
        }

        return fit;
    }

    private static int FindWords(string text, string piece, int start)
    {
        for (int found = text.IndexOf(piece, start, StringComparison.Ordinal); found >= 0; found = text.IndexOf(piece, found + 1, StringComparison.Ordinal))
        {
            if (!IsInsideWord(text, found) && !IsInsideWord(text, found + piece.Length))
            {
                return found;
            }
        }

        return -1;
    }

    private static bool IsInsideWord(string text, int place) =>
        place > 0 && place < text.Length && char.IsAsciiLetterOrDigit(text[place - 1]) && char.IsAsciiLetterOrDigit(text[place]);
}
