using ConnExporter.Sampling.Counting;

namespace ConnExporter.Tests.Counting;

/// <summary>A table next to the exact answer.</summary>
internal sealed class CountingBench<TKey>(int bound, int dimensions)
    where TKey : struct, ICountKey<TKey>
{
    public BoundedCounts<TKey> Table { get; } = new(bound, dimensions);

    public Dictionary<TKey, long[]> Truth { get; } = [];

    public long Total => Truth.Values.Sum(counts => counts.Sum());

    public void Add(TKey key, int dimension, uint amount)
    {
        Table.Add(key, dimension, amount);
        if (amount == 0)
        {
            return;
        }

        if (!Truth.TryGetValue(key, out long[]? counts))
        {
            Truth.Add(key, counts = new long[dimensions]);
        }

        counts[dimension] += amount;
    }

    public void Clear()
    {
        Table.Clear();
        Truth.Clear();
    }

    public void ShouldBeExact()
    {
        Table.IsExact.ShouldBeTrue();
        Table.Error.ShouldBe(0);
        Table.Count.ShouldBe(Truth.Count);
        ShouldKeepItsWord();
        foreach (BoundedCounts<TKey>.Row row in Table)
        {
            row.Counts.SequenceEqual(Truth[row.Key]).ShouldBeTrue();
            row.UpperBound.ShouldBe(row.Guaranteed);
        }
    }

    /// <summary>All that the table promises in any state.</summary>
    public void ShouldKeepItsWord()
    {
        long total = Total;
        Table.Total.ShouldBe(total);
        for (int dimension = 0; dimension < dimensions; dimension++)
        {
            Table.TotalOf(dimension).ShouldBe(Truth.Values.Sum(counts => counts[dimension]));
        }

        Table.Count.ShouldBe(Math.Min(bound, Truth.Count));
        Table.IsExact.ShouldBe(Truth.Count <= bound);
        Table.Error.ShouldBeLessThanOrEqualTo(total / bound);
        HashSet<TKey> rows = [];
        long smallest = long.MaxValue;
        long counters = 0;
        int index = 0;
        foreach (BoundedCounts<TKey>.Row row in Table)
        {
            rows.Add(row.Key).ShouldBeTrue("two rows for a key");
            Table.IndexOf(row.Key).ShouldBe(index++);
            long[] truth = Truth[row.Key];
            for (int dimension = 0; dimension < dimensions; dimension++)
            {
                row.Counts[dimension].ShouldBeLessThanOrEqualTo(truth[dimension]);
            }

            row.Guaranteed.ShouldBeGreaterThan(0);
            row.UpperBound.ShouldBeGreaterThanOrEqualTo(truth.Sum());
            (row.UpperBound - row.Guaranteed).ShouldBeInRange(0, Table.Error);
            smallest = Math.Min(smallest, row.UpperBound);
            counters += row.UpperBound;
        }

        // That the counters add up to all there was is what makes the smallest at most total/bound.
        counters.ShouldBe(total);
        Table.Error.ShouldBeLessThanOrEqualTo(Table.Count == 0 ? 0 : smallest);
        foreach ((TKey key, long[] counts) in Truth)
        {
            if (!rows.Contains(key))
            {
                Table.IndexOf(key).ShouldBe(-1);
                counts.Sum().ShouldBeLessThanOrEqualTo(Table.Error);
            }
        }
    }
}
