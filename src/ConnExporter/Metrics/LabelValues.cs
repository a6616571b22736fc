namespace ConnExporter.Metrics;

/// <summary>Compares label values one by one, also those that no array holds yet.</summary>
internal sealed class LabelValues : IEqualityComparer<string[]>, IAlternateEqualityComparer<ReadOnlySpan<string>, string[]>
{
    public static LabelValues Comparer { get; } = new();

    public bool Equals(string[]? x, string[]? y) => Equals(x.AsSpan(), y ?? []);

    public int GetHashCode(string[] obj) => GetHashCode(obj.AsSpan());

    // Not SequenceEqual, which asks an interface for each value: this is done for every series of every page.
    public bool Equals(ReadOnlySpan<string> alternate, string[] other)
    {
        if (alternate.Length != other.Length)
        {
            return false;
        }

        for (int i = 0; i < other.Length; i++)
        {
            if (!string.Equals(alternate[i], other[i], StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }

    // By string.GetHashCode, which has a secret seed: names and addresses are chosen by strangers.
    public int GetHashCode(ReadOnlySpan<string> alternate)
    {
        int hash = 0;
        foreach (string value in alternate)
        {
            hash = (hash * 31) + value.GetHashCode(StringComparison.Ordinal);
        }

        return hash;
    }

    public string[] Create(ReadOnlySpan<string> alternate) => alternate.ToArray();
}
