using System.Collections.Immutable;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// Counters by up to three labels, in bounded memory. What has a row keeps it; where all rows are taken, what is new goes into the row <c>other</c>, until
/// one of the others has stood still for <see cref="Idle"/>: its series then ends. No series ever falls.
/// </summary>
/// <param name="bound">Rows at most, without <c>other</c>.</param>
/// <param name="fold">The row that a set of labels goes into where it has none of its own.</param>
internal sealed class SymptomRows(int bound, Func<SymptomLabels, SymptomLabels> fold)
{
    /// <summary>How long a row must have stood still to make room for another.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromMinutes(15);

    private readonly Dictionary<SymptomLabels, Row> rows = [];
    private readonly SortedDictionary<SymptomLabels, ulong> others = [];

    /// <summary>Sets of labels that went into <c>other</c> since the last call.</summary>
    public int TakeLeftOut()
    {
        int count = leftOut;
        leftOut = 0;
        return count;
    }

    private int leftOut;

    /// <summary>Adds.</summary>
    /// <param name="labels">The row.</param>
    /// <param name="amount">More than 0.</param>
    /// <param name="time">The clock.</param>
    public void Add(SymptomLabels labels, ulong amount, TimeProvider time)
    {
        if (!rows.TryGetValue(labels, out Row? row))
        {
            if (rows.Count == bound && !MakeRoom(time))
            {
                leftOut++;
                AddOther(labels, amount);
                return;
            }

            row = new Row();
            rows.Add(labels, row);
        }

        row.Count += amount;
        row.ChangedAt = time.GetTimestamp();
    }

    /// <summary>Adds to the row <c>other</c>.</summary>
    public void AddOther(SymptomLabels labels, ulong amount)
    {
        SymptomLabels folded = fold(labels);
        others[folded] = others.GetValueOrDefault(folded) + amount;
    }

    /// <summary>The rows, by their labels, and the others.</summary>
    public ImmutableArray<(SymptomLabels Labels, ulong Count)> ToRows() =>
        [.. rows.Select(row => (row.Key, row.Value.Count)).OrderBy(row => row.Key), .. others.Select(row => (row.Key, row.Value))];

    private bool MakeRoom(TimeProvider time)
    {
        (SymptomLabels Labels, long At)? oldest = null;
        foreach ((SymptomLabels labels, Row row) in rows)
        {
            if (oldest is null || row.ChangedAt < oldest.Value.At)
            {
                oldest = (labels, row.ChangedAt);
            }
        }

        return oldest is { } found && time.GetElapsedTime(found.At) >= Idle && rows.Remove(found.Labels);
    }

    private sealed class Row
    {
        public ulong Count { get; set; }

        public long ChangedAt { get; set; }
    }
}

/// <summary>Up to three label values; those that a family has not are empty.</summary>
internal readonly record struct SymptomLabels(string First, string Second = "", string Third = "") : IComparable<SymptomLabels>
{
    public int CompareTo(SymptomLabels other) =>
        string.CompareOrdinal(First, other.First) is not 0 and var first ? first
        : string.CompareOrdinal(Second, other.Second) is not 0 and var second ? second
        : string.CompareOrdinal(Third, other.Third);

    public static bool operator <(SymptomLabels left, SymptomLabels right) => left.CompareTo(right) < 0;

    public static bool operator <=(SymptomLabels left, SymptomLabels right) => left.CompareTo(right) <= 0;

    public static bool operator >(SymptomLabels left, SymptomLabels right) => left.CompareTo(right) > 0;

    public static bool operator >=(SymptomLabels left, SymptomLabels right) => left.CompareTo(right) >= 0;
}
