using System.Collections.Immutable;

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
    private string[]? normalPatterns;
    private string[]? normalSays;
    private string[]? normalOtherwise;

    /// <summary>What programs and the kernel say that means this topic whatever error the line quotes besides.</summary>
    public ImmutableArray<string> Says { get; init; } = [];

    /// <summary>Texts that mean it where nothing else in the line means anything: what passes on that something failed, or counts it.</summary>
    public ImmutableArray<string> Otherwise { get; init; } = [];

    /// <summary>How well a text fits one of <see cref="Otherwise"/>, as <see cref="FitOfSays"/>.</summary>
    /// <param name="normal">The text, normalised.</param>
    public int FitOfOtherwise(ReadOnlySpan<char> normal) => Best(normalOtherwise ??= [.. Otherwise.Select(pattern => Phrase.Normalise(pattern))], normal);

    /// <summary>How well a text fits one of <see cref="Says"/>: the letters that the best of them accounts for; 0 where none fits.</summary>
    /// <param name="normal">The text, normalised.</param>
    public int FitOfSays(ReadOnlySpan<char> normal) => Best(normalSays ??= [.. Says.Select(pattern => Phrase.Normalise(pattern))], normal);

    /// <summary>How well a text fits: the letters that the best pattern accounts for; 0 where none fits.</summary>
    /// <param name="normal">The text, normalised.</param>
    public int Fit(ReadOnlySpan<char> normal) => Best(normalPatterns ??= [.. (Kind == TopicKind.Setting ? Patterns : Patterns.Add(Id)).Concat(Says).Select(pattern => Phrase.Normalise(pattern))], normal);

    private static int Best(string[] patterns, ReadOnlySpan<char> normal)
    {
        int best = 0;
        foreach (string pattern in patterns)
        {
            best = Math.Max(best, Phrase.Fit(pattern, normal));
        }

        return best;
    }
}
