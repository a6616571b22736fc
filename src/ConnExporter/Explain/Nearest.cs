using ConnExporter.Configuration;
using ConnExporter.Texts;

namespace ConnExporter.Explain;

/// <summary>The topics that a text which means none has the most words in common with.</summary>
internal static class Nearest
{
    private const int Most = 3;
    private const int MostLetters = 4096;
    private const int LongestSlip = 60;
    private const int ShortestSlip = 6;
    private const int MostWords = 64;

    // A topic of many words has some in common with everything, but one of few is not nearer for that.
    private const double Breadth = 0.25;

    // Words of nearly every line.
    private static readonly HashSet<string> Common = ["the", "to", "of", "in", "on", "for", "and", "is", "are", "was", "at", "by", "with", "from", "no", "not", "it", "error", "failed", "net"];

    /// <summary>At most three, the nearest first; fewer where nothing has a word in common.</summary>
    public static IReadOnlyList<Topic> To(string text)
    {
        (Topic Topic, HashSet<string> Words)[] topics = [.. Topics.All.Select(topic => (topic, WordsOf(topic)))];
        var known = topics.SelectMany(pair => pair.Words).CountBy(word => word).ToDictionary(StringComparer.Ordinal);
        HashSet<string> asked = [.. Words(text.Length <= MostLetters ? text : text[..MostLetters]).Distinct(StringComparer.Ordinal).Take(MostWords).Select(word => known.ContainsKey(word) || word.Length < ShortestSlip ? word : Suggestion.Of(word, known.Keys.Where(other => other.Length >= ShortestSlip)) ?? word)];
        IEnumerable<Topic> near = topics
            .Select(pair => (pair.Topic, Weight: pair.Words.Where(asked.Contains).Sum(word => Math.Log(1 + ((double)topics.Length / known[word]))) / Math.Pow(pair.Words.Count, Breadth)))
            .Where(pair => pair.Weight > 0)
            .OrderByDescending(pair => pair.Weight)
            .Select(pair => pair.Topic);
        return [.. Slip(text).Concat(near).DistinctBy(topic => (topic.Page, topic.Section)).Take(Most)];
    }

    // What was meant where letters are wrong.
    private static IEnumerable<Topic> Slip(string text) =>
        text.Length <= LongestSlip && Suggestion.Of(text, Topics.Names) is { } name && Topics.Find(name) is { } topic ? [topic] : [];

    private static HashSet<string> WordsOf(Topic topic) =>
        [.. topic.Patterns.Concat(topic.Says).Append(topic.Id).Append(Title(Language.English, topic)).Append(Title(Language.Chinese, topic)).SelectMany(Words)];

    private static string Title(Language language, Topic topic)
    {
        var page = Runbook.Read(language, topic.Page);
        return topic.Section is null ? page.Title : page.Section(topic.Section).Title;
    }

    // Chinese has no blanks: each two characters beside each other stand for a word.
    private static IEnumerable<string> Words(string text)
    {
        string normal = Phrase.Normalise(text);
        for (int i = 0; i < normal.Length; i++)
        {
            int start = i;
            while (i < normal.Length && char.IsAsciiLetterOrDigit(normal[i]))
            {
                i++;
            }

            if (i - start > 1 && !char.IsAsciiDigit(normal[start]) && !Common.Contains(normal[start..i]))
            {
                yield return Singular(normal[start..i]);
            }

            if (i + 1 < normal.Length && IsIdeograph(normal[i]) && IsIdeograph(normal[i + 1]))
            {
                yield return normal[i..(i + 2)];
            }
        }
    }

    private static string Singular(string word) => word.Length > 3 && word[^1] == 's' && word[^2] != 's' ? word[..^1] : word;

    private static bool IsIdeograph(char c) => c is >= '\u4e00' and <= '\u9fff';
}
