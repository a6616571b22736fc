using System.Text;

namespace ConnExporter.Explain;

/// <summary>
/// Turns the Markdown that the runbooks use (headings, paragraphs, lists, code blocks, <c>`code`</c>, <c>**strong**</c>, links) into lines for a terminal of 80
/// columns. Code lines are never broken: they are there to be copied.
/// </summary>
/// <param name="emphasise">Whether headings and code stand out by escape codes; false for what goes into a pipe.</param>
internal sealed class TerminalPage(bool emphasise)
{
    /// <summary>Columns of a line.</summary>
    public const int Width = 80;

    private const string Bold = "\e[1m";
    private const string Plain = "\e[0m";
    private const string Indent = "  ";
    private readonly StringBuilder page = new();

    /// <summary>Renders some lines.</summary>
    public static string Render(IEnumerable<string> lines, bool emphasise)
    {
        var page = new TerminalPage(emphasise);
        page.Add(lines);
        return page.page.ToString();
    }

    /// <summary>Columns that a text takes: East Asian characters take two.</summary>
    public static int Columns(string text) => text.EnumerateRunes().Sum(Columns);

    private static int Columns(Rune rune) => IsWide(rune) ? 2 : 1;

    // Of the blocks that are wide in every terminal, those that Chinese text and its punctuation lie in.
    private static bool IsWide(Rune rune) => rune.Value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFE30 and <= 0xFE4F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x20000 and <= 0x3FFFD);

    private void Add(IEnumerable<string> lines)
    {
        bool code = false;
        var paragraph = new List<string>();
        foreach (string line in lines)
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                Flush(paragraph);
                code = !code;
            }
            else if (code)
            {
                page.Append(line.Length == 0 ? "" : Indent + Indent + line).Append('\n');
            }
            else if (line.StartsWith('#'))
            {
                Flush(paragraph);
                Heading(line);
            }
            else if (line.Length == 0)
            {
                Flush(paragraph);
                page.Append('\n');
            }
            else
            {
                if (line.StartsWith("- ", StringComparison.Ordinal))
                {
                    Flush(paragraph);
                }

                paragraph.Add(line);
            }
        }

        Flush(paragraph);
    }

    private void Heading(string line)
    {
        string text = Unlink(line.TrimStart('#').Trim()).Replace("`", "", StringComparison.Ordinal);
        page.Append(line.StartsWith("###", StringComparison.Ordinal) ? Indent : "").Append(emphasise ? Bold + text + Plain : text).Append('\n');
    }

    private void Flush(List<string> paragraph)
    {
        if (paragraph.Count == 0)
        {
            return;
        }

        bool item = paragraph[0].StartsWith("- ", StringComparison.Ordinal);
        string text = paragraph.Select(line => line.Trim()).Aggregate(Join);
        Wrap(Words(Unlink(item ? text[2..] : text)), item ? Indent + "- " : Indent, item ? Indent + "  " : Indent);
        paragraph.Clear();
    }

    // Chinese has no spaces between words, so none for the end of a line either.
    private static string Join(string before, string after) => IsWide(before.EnumerateRunes().Last()) || IsWide(after.EnumerateRunes().First()) ? before + after : $"{before} {after}";

    // [text](where) becomes text.
    private static string Unlink(string text)
    {
        while (text.IndexOf("](", StringComparison.Ordinal) is > 0 and int middle && text.LastIndexOf('[', middle) is >= 0 and int open && text.IndexOf(')', middle) is > 0 and int close)
        {
            text = string.Concat(text.AsSpan(0, open), text.AsSpan(open + 1, middle - open - 1), text.AsSpan(close + 1));
        }

        return text;
    }

    // What a line may be broken between: words, and single wide characters with the punctuation that must not stand alone.
    private static List<Word> Words(string text)
    {
        var words = new List<Word>();
        var word = new StringBuilder();
        int columns = 0;
        bool strong = false, code = false, space = false;
        Rune previous = default;
        foreach (Rune rune in text.Replace("**", "\u0001", StringComparison.Ordinal).EnumerateRunes())
        {
            if (rune.Value == '`')
            {
                code = !code;
                word.Append(Mark(code || strong));
                continue;
            }

            if (rune.Value == 1 && !code)
            {
                strong = !strong;
                word.Append(Mark(strong));
                continue;
            }

            if (rune.Value == ' ')
            {
                End();
                space = true;
                continue;
            }

            if (columns > 0 && (IsWide(rune) || IsWide(previous)) && !ClosesText(rune) && !OpensText(previous))
            {
                End();
            }

            word.Append(rune.ToString());
            columns += Columns(rune);
            previous = rune;
        }

        End();
        return words;

        void End()
        {
            if (word.Length > 0)
            {
                words.Add(new Word(word.ToString(), columns, space));
                space = false;
            }

            word.Clear();
            columns = 0;
            previous = default;
        }
    }

    private static char Mark(bool on) => on ? '\u0002' : '\u0003';

    private static bool ClosesText(Rune rune) => "，。；：、！？）」』】》”’,.;:!?)]}%…".Contains(rune.ToString(), StringComparison.Ordinal);

    private static bool OpensText(Rune rune) => rune.Value != 0 && "（「『【《“‘([{".Contains(rune.ToString(), StringComparison.Ordinal);

    private void Wrap(List<Word> words, string first, string rest)
    {
        string lead = first;
        int column = 0;
        bool strong = false;
        foreach (Word word in words)
        {
            if (column > 0 && column + (word.Space ? 1 : 0) + word.Columns > Width)
            {
                // An escape code does not go over the end of a line: a pager shows lines one by one.
                page.Append(strong && emphasise ? Plain : "").Append('\n');
                column = 0;
                lead = rest;
            }

            if (column == 0)
            {
                page.Append(lead).Append(strong && emphasise ? Bold : "");
                column = lead.Length;
            }
            else if (word.Space)
            {
                page.Append(' ');
                column++;
            }

            foreach (char c in word.Text)
            {
                if (c is '\u0002' or '\u0003')
                {
                    strong = c == '\u0002';
                    page.Append(emphasise ? strong ? Bold : Plain : "");
                }
                else
                {
                    page.Append(c);
                }
            }

            column += word.Columns;
        }

        page.Append('\n');
    }

    /// <summary>What is not broken.</summary>
    /// <param name="Text">With the marks that switch emphasis on and off.</param>
    /// <param name="Columns">Its width.</param>
    /// <param name="Space">Whether a space stands before it.</param>
    private sealed record Word(string Text, int Columns, bool Space);
}
