using ConnExporter.Configuration;
using ConnExporter.Sampling;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Explain;

/// <summary>What <c>explain</c> prints.</summary>
/// <param name="language">The language.</param>
/// <param name="style">Where it is read.</param>
internal sealed class Explanation(Language language, TerminalStyle style)
{
    private const string Ask = "conn-exporter explain ";
    private const int LongestQuote = 100;
    private readonly TextBook book = TextBook.Of(language);

    /// <summary>The answer to a topic.</summary>
    public string Of(Topic topic)
    {
        var page = Runbook.Read(language, topic.Page);
        if (topic.Kind != TopicKind.Setting)
        {
            return Render(topic.Section is null ? page.Lines : Body(page.Section(topic.Section)));
        }

        // What a setting is stands in the catalogue of settings; what goes wrong with it, in the runbooks.
        string? what = book.Find($"setting.{topic.Id}.what");
        IEnumerable<string> lines = what is null ? [] : [$"# {topic.Id}", "", what, "", .. book.Find($"setting.{topic.Id}.advice") is { } advice ? [advice, ""] : Array.Empty<string>()];
        return Render(topic.Section is not null ? [.. lines, .. Body(page.Section(topic.Section))]
            : what is null ? page.Lines
            : [.. lines, book["explain.see", ("command", Ask + topic.Page)]]);
    }

    /// <summary>What is said where nothing is known.</summary>
    /// <param name="asked">What was asked.</param>
    /// <param name="nearest">What may have been meant.</param>
    public string Unknown(string asked, IReadOnlyList<Topic> nearest)
    {
        string[] lines =
        [
            .. nearest.Count == 0 ? [] : (string[])[book["explain.nearest"], ""],
            .. nearest.Select(Item),
            .. nearest.Count == 0 ? [] : (string[])[""],
            book["explain.all", ("command", Ask.TrimEnd())],
        ];
        return $"conn-exporter: {book["explain.unknown", ("asked", Quote(asked))]}{Suggestion.For(asked, Topics.Names)}\n\n{Render(lines)}";
    }

    /// <summary>All topics, by kind.</summary>
    public string List()
    {
        var lines = new List<string> { book["explain.usage"], "" };
        foreach (IGrouping<TopicKind, Topic> kind in Topics.All.GroupBy(topic => topic.Kind))
        {
            lines.Add($"## {book["explain.kind." + kind.Key.ToString().ToLowerInvariant()]}");
            lines.Add("");
            lines.AddRange(kind.Select(Item));
            lines.Add("");
        }

        return Render(lines[..^1]);
    }

    private string Item(Topic topic) => topic.Kind == TopicKind.Setting ? $"- {topic.Id}" : $"- `{topic.Id}`: {Title(topic)}";

    // One line of it, which commands no terminal.
    private static string Quote(string asked)
    {
        string line = asked.AsSpan().Trim().ToString().Split('\n')[0];
        return Visible.Of(line.Length <= LongestQuote ? line : line[..LongestQuote] + "…");
    }

    private string Title(Topic topic) => topic.Section is null ? Runbook.Read(language, topic.Page).Title : Runbook.Read(language, topic.Page).Section(topic.Section).Title;

    private static IEnumerable<string> Body(RunbookSection section) => section.Lines.Skip(1).Prepend($"# {section.Title}").Reverse().SkipWhile(line => line.Length == 0).Reverse();

    private string Render(IEnumerable<string> lines) => MarkdownText.Render(lines, style);
}
