namespace ConnExporter.Sampling.Counting;

/// <summary>
/// The rows of a <see cref="BoundedCounts{TKey}"/> that are shown, and the remainder of each dimension for the row <c>other</c>: together they
/// are the exact totals.
/// </summary>
/// <remarks>
/// A key that was shown before keeps its place until a newcomer has more than 1.25 times as much, so that series do not come and go while two
/// keys are nearly equal. What is ranked is what was certainly counted: beyond the bound, the inherited part of a counter says nothing of its key.
/// The rows are copies in memory of fixed size and outlive the table's next walk.
/// </remarks>
/// <typeparam name="TKey">What is counted by.</typeparam>
internal sealed class TopRows<TKey>
    where TKey : struct, ICountKey<TKey>
{
    private readonly int stride;
    private readonly int ranked;
    private readonly TKey[] keys;
    private readonly long[] counts;
    private readonly long[] others;

    // The candidates, the first to be replaced at the root.
    private readonly Candidate[] heap;
    private readonly int[] stayers;
    private int candidates;

    /// <summary>Makes an empty choice.</summary>
    /// <param name="rows">Rows shown at most.</param>
    /// <param name="dimensions">As the tables have that it will choose from.</param>
    /// <param name="ranked">How many of them, from the first, a row is ranked by; all unless told otherwise.</param>
    public TopRows(int rows, int dimensions, int? ranked = null)
    {
        this.ranked = ranked ?? dimensions;
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimensions);
        stride = dimensions + 1;
        keys = new TKey[rows];
        counts = new long[rows * stride];
        others = new long[dimensions];
        heap = new Candidate[rows];
        stayers = new int[rows];
    }

    /// <summary>Rows chosen.</summary>
    public int Count { get; private set; }

    /// <summary>Keys that have a row in the table and none here. Beyond the table's bound there were others that it does not know.</summary>
    public int LeftOut { get; private set; }

    /// <summary>All that is not in a row; exact.</summary>
    public long Other { get; private set; }

    /// <summary>What is not in a row, in a dimension; exact.</summary>
    public long OtherOf(int dimension) => others[dimension];

    /// <summary>The keys of the rows.</summary>
    public ReadOnlySpan<TKey> Keys => keys.AsSpan(0, Count);

    /// <summary>A row, the one with the most first.</summary>
    /// <param name="index">From 0 to <see cref="Count"/>.</param>
    public BoundedCounts<TKey>.Row this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return new BoundedCounts<TKey>.Row(in keys[index], counts.AsSpan(index * stride, stride));
        }
    }

    /// <summary>Has the next choice favour other keys than those chosen last.</summary>
    /// <param name="chosen">The <see cref="Keys"/> of an earlier choice.</param>
    public void Restore(ReadOnlySpan<TKey> chosen)
    {
        Count = Math.Min(chosen.Length, keys.Length);
        chosen[..Count].CopyTo(keys);
    }

    /// <summary>Chooses anew from a table, with favour for the keys chosen last.</summary>
    public void Choose(BoundedCounts<TKey> table)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(table.Dimensions, others.Length, nameof(table));
        candidates = 0;
        ReadOnlySpan<int> stay = FindStayers(table);
        foreach (int row in stay)
        {
            Offer(table, row, isStayer: true);
        }

        int next = 0;
        for (int row = 0; row < table.Count; row++)
        {
            if (next < stay.Length && stay[next] == row)
            {
                next++;
            }
            else
            {
                Offer(table, row, isStayer: false);
            }
        }

        Copy(table);
    }

    private ReadOnlySpan<int> FindStayers(BoundedCounts<TKey> table)
    {
        int found = 0;
        for (int i = 0; i < Count; i++)
        {
            int row = table.IndexOf(in keys[i]);
            if (row >= 0)
            {
                stayers[found++] = row;
            }
        }

        Span<int> stay = stayers.AsSpan(0, found);
        stay.Sort();
        return stay;
    }

    private void Offer(BoundedCounts<TKey> table, int row, bool isStayer)
    {
        if (heap.Length == 0)
        {
            return;
        }

        long guaranteed = 0;
        foreach (long count in table[row].Counts[..ranked])
        {
            guaranteed += count;
        }

        // A quarter rounded down: an integer above 1.25 n is one above the floor of it.
        long score = guaranteed + (isStayer ? guaranteed >> 2 : 0);
        bool isFull = candidates == heap.Length;
        if (isFull && score < heap[0].Score)
        {
            return;
        }

        var candidate = new Candidate(row, guaranteed, score, isStayer, table[row].Key.Hash(in HashSeed.Public));
        if (!isFull)
        {
            Rise(candidate);
        }
        else if (candidate.Outranks(heap[0]))
        {
            Sink(candidate);
        }
    }

    private void Rise(in Candidate candidate)
    {
        int at = candidates++;
        while (at > 0 && heap[(at - 1) / 2].Outranks(candidate))
        {
            heap[at] = heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }

        heap[at] = candidate;
    }

    private void Sink(in Candidate candidate)
    {
        int at = 0;
        while (true)
        {
            int child = (2 * at) + 1;
            if (child + 1 < candidates && heap[child].Outranks(heap[child + 1]))
            {
                child++;
            }

            if (child >= candidates || !candidate.Outranks(heap[child]))
            {
                break;
            }

            heap[at] = heap[child];
            at = child;
        }

        heap[at] = candidate;
    }

    private void Copy(BoundedCounts<TKey> table)
    {
        Span<Candidate> chosen = heap.AsSpan(0, candidates);
        chosen.Sort(static (left, right) => left.Guaranteed != right.Guaranteed ? right.Guaranteed.CompareTo(left.Guaranteed) : left.Tie.CompareTo(right.Tie));
        Count = chosen.Length;
        LeftOut = table.Count - Count;
        Other = table.Total;
        for (int dimension = 0; dimension < others.Length; dimension++)
        {
            others[dimension] = table.TotalOf(dimension);
        }

        for (int i = 0; i < chosen.Length; i++)
        {
            BoundedCounts<TKey>.Row row = table[chosen[i].Row];
            keys[i] = row.Key;
            counts[i * stride] = row.UpperBound;
            row.Counts.CopyTo(counts.AsSpan((i * stride) + 1));
            for (int dimension = 0; dimension < others.Length; dimension++)
            {
                others[dimension] -= row.Counts[dimension];
                Other -= row.Counts[dimension];
            }
        }
    }

    // Equal newcomers are put in the order of a hash that is the same in every walk and every process: neither depends on the order in which
    // the kernel lists sockets.
    private readonly record struct Candidate(int Row, long Guaranteed, long Score, bool IsStayer, ulong Tie)
    {
        public bool Outranks(in Candidate other)
        {
            if (Score != other.Score)
            {
                return Score > other.Score;
            }

            return IsStayer != other.IsStayer ? IsStayer : Tie < other.Tie;
        }
    }
}
