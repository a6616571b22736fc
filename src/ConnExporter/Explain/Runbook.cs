using System.Collections.Immutable;
using ConnExporter.Texts;

namespace ConnExporter.Explain;

/// <summary>A page of <c>docs/runbooks</c>, which is in the program.</summary>
internal sealed class Runbook
{
    private const string Fence = "```";

    private Runbook(string name, string text)
    {
        Name = name;
        Lines = [.. text.TrimEnd('\n').Split('\n')];
        Sections = [.. FindSections()];
    }

    /// <summary>The file's name without its ending.</summary>
    public string Name { get; }

    /// <summary>The page as it is written.</summary>
    public ImmutableArray<string> Lines { get; }

    /// <summary>What its first line says.</summary>
    public string Title => Lines[0].TrimStart('#').Trim();

    /// <summary>Its sections of the second level, in their order.</summary>
    public ImmutableArray<RunbookSection> Sections { get; }

    /// <summary>The names of all pages.</summary>
    public static IEnumerable<string> Names(Language language) => EmbeddedFile.In(Folder(language)).Select(name => Path.GetFileNameWithoutExtension(name));

    /// <summary>Reads a page.</summary>
    /// <exception cref="KeyNotFoundException">There is none: a defect that a test looks for.</exception>
    public static Runbook Read(Language language, string name) =>
        new(name, EmbeddedFile.FindText($"{Folder(language)}{name}.md") ?? throw new KeyNotFoundException(name));

    /// <summary>The section with a key.</summary>
    /// <exception cref="KeyNotFoundException">There is none: a defect that a test looks for.</exception>
    public RunbookSection Section(string key) => Sections.FirstOrDefault(section => section.Key == key) ?? throw new KeyNotFoundException($"{Name}: {key}");

    private static string Folder(Language language) => $"Runbooks/{language.Tag()}/";

    // A line of a code block that begins with ## is no heading.
    private IEnumerable<RunbookSection> FindSections()
    {
        int start = -1;
        bool code = false;
        for (int i = 0; i <= Lines.Length; i++)
        {
            if (i < Lines.Length && Lines[i].StartsWith(Fence, StringComparison.Ordinal))
            {
                code = !code;
            }

            if (i < Lines.Length && (code || !Lines[i].StartsWith("## ", StringComparison.Ordinal)))
            {
                continue;
            }

            if (start >= 0)
            {
                yield return new RunbookSection(Lines[start..i]);
            }

            start = i;
        }
    }
}

/// <summary>A section of a page. Where it can be asked for by itself, its heading begins with a key that is the same in all languages: <c>## key: heading</c>.</summary>
/// <param name="Lines">Its heading and what follows.</param>
internal sealed record RunbookSection(ImmutableArray<string> Lines)
{
    private const string Separator = ": ";

    /// <summary>What stands before the first colon.</summary>
    public string Key => Heading.Split(Separator)[0];

    /// <summary>What stands behind it, or all.</summary>
    public string Title => Heading.Split(Separator, 2)[^1];

    private string Heading => Lines[0][3..].Trim();
}
