using System.Text;

namespace ConnExporter.Terminal;

/// <summary>Lines of a text for people, as wide as where it is read. None looks like a command but those that are one.</summary>
internal sealed class Sheet(TerminalStyle style)
{
    /// <summary>What goes before a command, and before all that belongs to one remedy.</summary>
    public const string CommandIndent = "        ";

    private const string More = "…";
    private readonly StringBuilder text = new();

    /// <summary>Where it is read.</summary>
    public TerminalStyle Style => style;

    /// <summary>How many rows of that width it takes so far.</summary>
    public int Rows { get; private set; }

    /// <summary>A line as it is, or an empty one.</summary>
    public void Line(string line = "")
    {
        text.Append(line).Append('\n');
        Rows++;
    }

    /// <summary>A line of what others may have named, cut where it is too long.</summary>
    public void OneLine(string begin, string content, Func<string, string>? look = null)
    {
        string line = Prose(TextLayout.Cut(content, style.Width - TextLayout.WidthOf(begin)));
        Line(begin + (look?.Invoke(line) ?? line));
    }

    /// <summary>A text in as many lines as it takes, all but the first indented as the first one begins.</summary>
    /// <param name="begin">What the first line begins with.</param>
    /// <param name="content">The text.</param>
    /// <param name="look">How its lines look.</param>
    /// <param name="most">Lines at most: what is left out is shown to be.</param>
    /// <param name="indent">The indentation of the other lines; null for the width of the beginning.</param>
    public void Paragraph(string begin, string content, Func<string, string>? look = null, int most = int.MaxValue, string? indent = null)
    {
        indent ??= new string(' ', TextLayout.WidthOf(begin));
        int room = style.Width - Math.Max(indent.Length, TextLayout.WidthOf(begin));
        string[] lines = [.. TextLayout.Wrap(content, room)];
        if (lines.Length > most)
        {
            lines = lines[..most];
            lines[^1] = TextLayout.Cut(lines[^1], room - 1) is var cut && cut.EndsWith('…') ? cut : cut + More;
        }

        foreach ((int index, string line) in lines.Index())
        {
            string prose = Prose(line);
            Line((index == 0 ? begin : indent) + (look?.Invoke(prose) ?? prose));
        }
    }

    /// <summary>How many lines a text would take.</summary>
    public int LinesOf(string begin, string content) => TextLayout.Wrap(content, style.Width - TextLayout.WidthOf(begin)).Count();

    /// <summary>A command: to be copied, never broken. The terminal may show it in several rows.</summary>
    public void Command(string command)
    {
        Line($"{CommandIndent}$ {command}");
        Rows += RowsOf(command) - 1;
    }

    /// <summary>How many rows a command takes.</summary>
    public int RowsOf(string command) => Math.Max(1, (TextLayout.WidthOf(command) + CommandIndent.Length + 2 + style.Width - 1) / style.Width);

    /// <summary>Goes on with the lines of another one of the same width.</summary>
    public void Append(Sheet other)
    {
        text.Append(other.text);
        Rows += other.Rows;
    }

    public override string ToString() => text.ToString();

    // What begins like a command is one of ours: a name may begin so, and a document of another version may have it as it is.
    public static string Prose(string line) => line.TrimStart() is ['$', .. string rest] ? @"\x24" + rest : line;
}
