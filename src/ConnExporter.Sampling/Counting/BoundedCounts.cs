using System.Numerics;
using System.Runtime.CompilerServices;

namespace ConnExporter.Sampling.Counting;

/// <summary>
/// Counts by key, with a few dimensions (kinds, states) each, in bounded memory: exact up to a number of keys, then by Space-Saving with a known
/// error. Totals are always exact.
/// </summary>
/// <remarks>
/// Beyond the bound a new key takes the row of the key with the smallest counter and inherits that counter as its error (Metwally, Agrawal,
/// El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005). It follows that a key whose true total is above
/// total/bound has a row. Made for one thread and one walk after another: memory grows by doubling to what the largest walk needed and stays.
/// An addition allocates nothing but that growth.
/// </remarks>
/// <typeparam name="TKey">What is counted by.</typeparam>
internal sealed class BoundedCounts<TKey>
    where TKey : struct, ICountKey<TKey>
{
    /// <summary>Keys counted exactly where nothing else is asked for: a host that serves tens of thousands of peers, in about 6 MiB.</summary>
    public const int DefaultBound = 65_536;

    private const int SmallestCapacity = 16;
    private const int HeapArity = 4;

    private readonly HashSeed seed = HashSeed.Random();
    private readonly int bound;
    private readonly int stride;
    private readonly long[] totals;

    // One row a key. A row of counts begins with the counter of Space-Saving, which is what was counted and what was inherited.
    private TKey[] keys;
    private long[] counts;

    // Open addressing with linear probing, at most half full: 32 bits of the hash, and the row plus 1 (0 is empty).
    private ulong[] slots;

    // Rows by their counter, smallest first; only beyond the bound. A counter only ever rises and its place is put right when it gets to the
    // root, so that an addition to a known key leaves the heap alone.
    private long[] heapCounters = [];
    private int[] heapRows = [];

    /// <summary>Makes an empty table.</summary>
    /// <param name="bound">Keys at most.</param>
    /// <param name="dimensions">Counts a key has.</param>
    public BoundedCounts(int bound, int dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimensions);
        stride = dimensions + 1;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bound, Array.MaxLength / Math.Max(stride, 4));
        this.bound = bound;
        totals = new long[dimensions];
        int capacity = Math.Min(bound, SmallestCapacity);
        keys = new TKey[capacity];
        counts = new long[capacity * stride];
        slots = new ulong[SlotsFor(capacity)];
    }

    /// <summary>Counts a key has.</summary>
    public int Dimensions => totals.Length;

    /// <summary>Keys that have a row. All there were while <see cref="IsExact"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Whether every key that came has a row with its true counts.</summary>
    public bool IsExact { get; private set; } = true;

    /// <summary>
    /// The most that any key without a row can have had, and the most that any row can lack: the smallest counter when it was last given up.
    /// At most total/bound; 0 while exact.
    /// </summary>
    public long Error { get; private set; }

    /// <summary>All that was added; exact.</summary>
    public long Total { get; private set; }

    /// <summary>All that was added in a dimension; exact, so that what is not in a row is the difference.</summary>
    public long TotalOf(int dimension) => totals[dimension];

    /// <summary>Adds one.</summary>
    /// <param name="key">The key.</param>
    /// <param name="dimension">From 0.</param>
    public void Add(in TKey key, int dimension) => Add(key, dimension, 1);

    /// <summary>Adds an amount.</summary>
    /// <param name="key">The key. An amount of 0 does not give it a row.</param>
    /// <param name="dimension">From 0.</param>
    /// <param name="amount">The sum of all of a walk fits 63 bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(in TKey key, int dimension, ulong amount)
    {
        long added = checked((long)amount);
        totals[dimension] += added;
        if (added == 0)
        {
            return;
        }

        Total += added;
        uint hash = HashOf(key);
        int row = Find(key, hash);
        if (row < 0)
        {
            row = Count < bound ? Append(key, hash) : TakeSmallest(key, hash);
        }

        int at = row * stride;
        counts[at] += added;
        counts[at + 1 + dimension] += added;
    }

    /// <summary>Looks a key up.</summary>
    /// <returns>Its index for <see cref="this"/>, or -1 when it has no row.</returns>
    public int IndexOf(in TKey key) => Find(key, HashOf(key));

    /// <summary>A row; they have no order.</summary>
    /// <param name="index">From 0 to <see cref="Count"/>.</param>
    public Row this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return new Row(in keys[index], counts.AsSpan(index * stride, stride));
        }
    }

    /// <summary>All rows, for foreach.</summary>
    public Enumerator GetEnumerator() => new(this);

    /// <summary>Forgets all keys and counts and keeps the memory.</summary>
    public void Clear()
    {
        Array.Clear(slots);
        Array.Clear(totals);
        (Count, Total, Error, IsExact) = (0, 0, 0, true);
    }

    private static int SlotsFor(int capacity) => (int)BitOperations.RoundUpToPowerOf2((uint)capacity * 2);

    private static ulong Slot(uint hash, int row) => ((ulong)hash << 32) | (uint)(row + 1);

    private static int RowOf(ulong slot) => (int)(uint)slot - 1;

    private static uint HashOf(ulong slot) => (uint)(slot >> 32);

    private uint HashOf(in TKey key) => (uint)(key.Hash(in seed) >> 32);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Find(in TKey key, uint hash)
    {
        ulong[] table = slots;
        int mask = table.Length - 1;
        for (int at = (int)hash & mask; ; at = (at + 1) & mask)
        {
            ulong slot = table[at];
            if (slot == 0)
            {
                return -1;
            }

            if (HashOf(slot) == hash && keys[RowOf(slot)].Equals(key))
            {
                return RowOf(slot);
            }
        }
    }

    private int Append(in TKey key, uint hash)
    {
        if (Count == keys.Length)
        {
            Grow();
        }

        int row = Count++;
        keys[row] = key;
        counts.AsSpan(row * stride, stride).Clear();
        Enter(Slot(hash, row));
        return row;
    }

    private void Grow()
    {
        int capacity = (int)Math.Min(bound, keys.Length * 2L);
        Array.Resize(ref keys, capacity);
        Array.Resize(ref counts, capacity * stride);
        ulong[] old = slots;
        slots = new ulong[SlotsFor(capacity)];
        foreach (ulong slot in old)
        {
            if (slot != 0)
            {
                Enter(slot);
            }
        }
    }

    private void Enter(ulong slot)
    {
        ulong[] table = slots;
        int mask = table.Length - 1;
        int at = (int)HashOf(slot) & mask;
        while (table[at] != 0)
        {
            at = (at + 1) & mask;
        }

        table[at] = slot;
    }

    private int TakeSmallest(in TKey key, uint hash)
    {
        if (IsExact)
        {
            BuildHeap();
            IsExact = false;
        }

        int row = Smallest();
        Leave(Slot(HashOf(in keys[row]), row));
        keys[row] = key;
        Enter(Slot(hash, row));

        // The counter stays: it is what the newcomer may have had before.
        Span<long> counted = counts.AsSpan(row * stride, stride);
        Error = counted[0];
        counted[1..].Clear();
        return row;
    }

    // Those behind are moved up, so that a search still meets no gap before what it seeks and nothing is left for later to clean up.
    private void Leave(ulong slot)
    {
        ulong[] table = slots;
        int mask = table.Length - 1;
        int gap = (int)HashOf(slot) & mask;
        while (table[gap] != slot)
        {
            gap = (gap + 1) & mask;
        }

        for (int at = (gap + 1) & mask; table[at] != 0; at = (at + 1) & mask)
        {
            int wanted = (int)HashOf(table[at]) & mask;
            if (((at - wanted) & mask) >= ((at - gap) & mask))
            {
                table[gap] = table[at];
                gap = at;
            }
        }

        table[gap] = 0;
    }

    private int Smallest()
    {
        while (true)
        {
            int row = heapRows[0];
            long counter = counts[row * stride];
            if (counter == heapCounters[0])
            {
                return row;
            }

            Sink(0, counter, row);
        }
    }

    private void BuildHeap()
    {
        if (heapRows.Length == 0)
        {
            heapCounters = new long[bound];
            heapRows = new int[bound];
        }

        for (int row = 0; row < bound; row++)
        {
            heapCounters[row] = counts[row * stride];
            heapRows[row] = row;
        }

        for (int at = (bound - 2) / HeapArity; at >= 0; at--)
        {
            Sink(at, heapCounters[at], heapRows[at]);
        }
    }

    private void Sink(int at, long counter, int row)
    {
        long[] counters = heapCounters;
        int[] rows = heapRows;
        while (true)
        {
            int child = (at * HeapArity) + 1;
            if (child >= counters.Length)
            {
                break;
            }

            int smallest = child;
            int end = Math.Min(child + HeapArity, counters.Length);
            for (int other = child + 1; other < end; other++)
            {
                if (counters[other] < counters[smallest])
                {
                    smallest = other;
                }
            }

            if (counters[smallest] >= counter)
            {
                break;
            }

            counters[at] = counters[smallest];
            rows[at] = rows[smallest];
            at = smallest;
        }

        counters[at] = counter;
        rows[at] = row;
    }

    /// <summary>A key and what was counted of it; valid until the table changes.</summary>
    internal readonly ref struct Row
    {
        private readonly ref readonly TKey key;
        private readonly ReadOnlySpan<long> row;

        internal Row(ref readonly TKey key, ReadOnlySpan<long> row)
        {
            this.key = ref key;
            this.row = row;
        }

        /// <summary>The key.</summary>
        public ref readonly TKey Key => ref key;

        /// <summary>By dimension, what was certainly counted of this key: its true counts while exact, else counted since it has this row.</summary>
        public ReadOnlySpan<long> Counts => row[1..];

        /// <summary>Sum of <see cref="Counts"/>: the least that the key's true total can be.</summary>
        public long Guaranteed
        {
            get
            {
                long sum = 0;
                foreach (long count in Counts)
                {
                    sum += count;
                }

                return sum;
            }
        }

        /// <summary>The most that the key's true total can be.</summary>
        public long UpperBound => row[0];
    }

    /// <summary>Goes through the rows.</summary>
    internal ref struct Enumerator
    {
        private readonly BoundedCounts<TKey> table;
        private int index = -1;

        internal Enumerator(BoundedCounts<TKey> table) => this.table = table;

        /// <summary>The row.</summary>
        public readonly Row Current => table[index];

        /// <summary>To the next row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool MoveNext() => ++index < table.Count;
    }
}
