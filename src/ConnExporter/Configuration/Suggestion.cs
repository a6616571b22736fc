namespace ConnExporter.Configuration;

/// <summary>The right name nearest to a wrong one.</summary>
internal static class Suggestion
{
    /// <summary>A half sentence to append to a complaint, with a leading semicolon; empty where nothing is near.</summary>
    public static string For(string wrong, IEnumerable<string> names) => Of(wrong, names) is { } name ? $"; did you mean '{name}'?" : "";

    /// <summary>The name; null where nothing is near.</summary>
    public static string? Of(string wrong, IEnumerable<string> names)
    {
        // A name that differs in length by more than may be wrong with it is not looked at: what is wrong can be a whole file.
        (string? name, int distance) = names.Where(name => Math.Abs(name.Length - wrong.Length) <= Most(name)).Select(name => ((string?)name, Distance(wrong, name))).DefaultIfEmpty((null, int.MaxValue)).MinBy(pair => pair.Item2);
        return name is not null && distance <= Most(name) ? name : null;
    }

    private static int Most(string name) => Math.Max(2, name.Length / 3);

    // Levenshtein's: insertions, deletions and replacements of one character.
    private static int Distance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)];
        int[] current = new int[b.Length + 1];
        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(replaced, Math.Min(previous[j], current[j - 1]) + 1);
            }

            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
