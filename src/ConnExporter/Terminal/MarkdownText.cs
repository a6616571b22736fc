using System.Text;

namespace ConnExporter.Terminal;

/// <summary>
/// The Markdown that the runbooks use (headings, paragraphs, lists, code blocks, <c>`code`</c>, links) as lines for a terminal. Lines of code are never broken:
/// they are there to be copied.
/// </summary>
internal sealed class MarkdownText
{
    private const string Indent = "  ";
    private const string Item = "- ";

    // Around code within a paragraph. Control characters take no column.
    private const char On = '\u0002';
    private const char Off = '\u0003';
    private readonly TerminalStyle style;
    private readonly StringBuilder text = new();

    private MarkdownText(TerminalStyle style) => this.style = style;

    /// <summary>Renders some lines.</summary>
    public static string Render(IEnumerable<string> lines, TerminalStyle style)
    {
        var renderer = new MarkdownText(style);
        renderer.Write(lines);
        return renderer.text.ToString();
    }

    private void Write(IEnumerable<string> lines)
    {
        bool code = false;
        foreach (string line in lines)
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                code = !code;
            }
            else if (line.Length == 0)
            {
                Line("");
            }
            else if (code)
            {
                Line(Indent + Indent + line);
            }
            else if (line.StartsWith('#'))
            {
                Heading(line);
            }
            else
            {
                Paragraph(line);
            }
        }
    }

    private void Heading(string line)
    {
        string begin = line.StartsWith("###", StringComparison.Ordinal) ? Indent : "";
        foreach (string part in TextLayout.Wrap(Unlink(line.TrimStart('#').Trim()).Replace("`", "", StringComparison.Ordinal), style.Width - begin.Length))
        {
            Line(begin + style.Strong(part));
        }
    }

    // Each line of a page is a paragraph or an item: pages are written so.
    private void Paragraph(string line)
    {
        bool item = line.StartsWith(Item, StringComparison.Ordinal);
        string begin = item ? Indent + Item : Indent;
        bool strong = false;
        foreach (string part in TextLayout.Wrap(Mark(Unlink(item ? line[Item.Length..] : line)), style.Width - begin.Length))
        {
            Line(begin + Emphasise(part, ref strong));
            begin = item ? Indent + Indent : Indent;
        }
    }

    private void Line(string line) => text.Append(line).Append('\n');

    // What stands out does so line by line: pagers show lines by themselves.
    private string Emphasise(string line, ref bool strong)
    {
        var shown = new StringBuilder();
        int start = 0;
        for (int i = 0; i <= line.Length; i++)
        {
            if (i < line.Length && line[i] is not (On or Off))
            {
                continue;
            }

            shown.Append(strong ? style.Strong(line[start..i]) : line[start..i]);
            start = i + 1;
            strong = i < line.Length ? line[i] == On : strong;
        }

        return shown.ToString();
    }

    private static string Mark(string line)
    {
        var marked = new StringBuilder(line.Length);
        bool code = false;
        foreach (char c in line)
        {
            code ^= c == '`';
            marked.Append(c != '`' ? c : code ? On : Off);
        }

        return marked.ToString();
    }

    // [text](where) becomes text.
    private static string Unlink(string line)
    {
        for (int middle = line.IndexOf("](", StringComparison.Ordinal); middle > 0; middle = line.IndexOf("](", StringComparison.Ordinal))
        {
            int open = line.LastIndexOf('[', middle);
            int close = line.IndexOf(')', middle);
            line = string.Concat(line.AsSpan(0, open), line.AsSpan(open + 1, middle - open - 1), line.AsSpan(close + 1));
        }

        return line;
    }
}
