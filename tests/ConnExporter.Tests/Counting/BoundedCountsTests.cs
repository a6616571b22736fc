using ConnExporter.Sampling.Counting;
using ConnExporter.Tests.Support;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Counting;

public class BoundedCountsTests
{
    private const int Kinds = 3;

    private static readonly Config Thorough = Config.QuickThrowOnFailure.WithMaxTest(Math.Max(300, ParserProperties.Runs / 10)).WithQuietOnSuccess(true);

    [Fact]
    public void An_empty_table_is_exact_and_has_nothing()
    {
        var bench = new CountingBench<PeerKey>(8, Kinds);

        bench.ShouldBeExact();
        bench.Table.IndexOf(PeerKey.Number(1)).ShouldBe(-1);
    }

    [Fact]
    public void Up_to_the_bound_it_counts_as_a_dictionary_does() => Prop.ForAll<(byte Key, byte Kind, ushort Amount)[]>(stream =>
    {
        var bench = new CountingBench<PeerKey>(256, Kinds);
        foreach ((byte key, byte kind, ushort amount) in stream)
        {
            bench.Add(PeerKey.Number(key), kind % Kinds, amount);
        }

        bench.ShouldBeExact();
    }).Check(Thorough);

    [Fact]
    public void Beyond_the_bound_it_keeps_its_word_with_any_stream() => Beyond<PeerKey>(PeerKey.Number);

    [Fact]
    public void Beyond_the_bound_it_keeps_its_word_even_when_hashes_collide() => Beyond(number => new CollidingKey(number));

    [Fact]
    public void A_walk_is_not_influenced_by_the_one_before() => Prop.ForAll<(byte Key, byte Kind, byte Amount)[][]>(walks =>
    {
        var bench = new CountingBench<PeerKey>(16, Kinds);
        foreach ((byte Key, byte Kind, byte Amount)[] walk in walks)
        {
            bench.Clear();
            bench.ShouldBeExact();
            foreach ((byte key, byte kind, byte amount) in walk)
            {
                bench.Add(PeerKey.Number(key % 40), kind % Kinds, amount);
            }

            bench.ShouldKeepItsWord();
        }
    }).Check(Thorough);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(17)]
    [InlineData(1000)]
    public void The_key_after_the_bound_takes_the_place_of_the_smallest_and_inherits_its_count(int bound)
    {
        var counts = new BoundedCounts<PeerKey>(bound, Kinds);
        for (int key = 0; key < bound; key++)
        {
            counts.Add(PeerKey.Number(key), 0, (ulong)(key == bound / 2 ? 5 : 10 + key));
        }

        counts.IsExact.ShouldBeTrue();
        counts.Add(PeerKey.Number(bound), 2);

        counts.IsExact.ShouldBeFalse();
        counts.Error.ShouldBe(5);
        counts.Count.ShouldBe(bound);
        counts.IndexOf(PeerKey.Number(bound / 2)).ShouldBe(-1);
        BoundedCounts<PeerKey>.Row row = counts[counts.IndexOf(PeerKey.Number(bound))];
        row.Counts.ToArray().ShouldBe([0, 0, 1]);
        row.Guaranteed.ShouldBe(1);
        row.UpperBound.ShouldBe(6);
    }

    [Fact]
    public void An_amount_of_0_takes_no_row()
    {
        var counts = new BoundedCounts<PeerKey>(1, Kinds);
        counts.Add(PeerKey.Number(1), 0, 7);
        counts.Add(PeerKey.Number(2), 0, 0);

        counts.IsExact.ShouldBeTrue();
        counts.IndexOf(PeerKey.Number(1)).ShouldBe(0);
    }

    [Fact]
    public void A_dimension_that_is_not_there_is_refused_and_changes_nothing()
    {
        var counts = new BoundedCounts<PeerKey>(4, Kinds);

        Should.Throw<IndexOutOfRangeException>(() => counts.Add(PeerKey.Number(1), Kinds));

        counts.Count.ShouldBe(0);
        counts.Total.ShouldBe(0);
    }

    [Fact]
    public void A_million_sockets_of_500_000_peers_are_counted_within_the_error()
    {
        var bench = new CountingBench<PeerKey>(BoundedCounts<PeerKey>.DefaultBound, Kinds);
        var random = new Random(5);
        for (int socket = 0; socket < 500_000; socket++)
        {
            bench.Add(PeerKey.Number(socket), socket % Kinds, 1);
            bench.Add(PeerKey.Number(socket % 4 == 0 ? random.Next(100) : random.Next(500_000)), 1, 1);
        }

        bench.Truth.Count.ShouldBe(500_000);
        bench.ShouldKeepItsWord();
        bench.Table.Error.ShouldBeInRange(1, 15);

        // The hundred that have 1,250 each, against an error of 15 at most.
        for (int heavy = 0; heavy < 100; heavy++)
        {
            long truth = bench.Truth[PeerKey.Number(heavy)].Sum();
            bench.Table[bench.Table.IndexOf(PeerKey.Number(heavy))].Guaranteed.ShouldBeInRange(truth - bench.Table.Error, truth);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Once_grown_a_walk_allocates_nothing(bool isWithinBound)
    {
        const int Keys = 5_000;
        var counts = new BoundedCounts<PeerKey>(isWithinBound ? Keys : Keys / 10, Kinds);
        Walk(counts, Keys);
        counts.Clear();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Walk(counts, Keys);
        counts.Clear();
        Walk(counts, Keys);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.ShouldBe(0);
        counts.IsExact.ShouldBe(isWithinBound);
    }

    [Fact]
    public void A_table_for_few_keys_is_small_whatever_its_bound()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var counts = new BoundedCounts<PeerKey>(BoundedCounts<PeerKey>.DefaultBound, Kinds);
        Walk(counts, 16);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.ShouldBeLessThan(4096);
    }

    [Fact]
    public void It_grows_to_a_bound_that_is_no_power_of_two()
    {
        var bench = new CountingBench<PeerKey>(1_000, Kinds);
        for (int key = 0; key < 1_000; key++)
        {
            bench.Add(PeerKey.Number(key), key % Kinds, 1);
            if (key is 15 or 16 or 31 or 32 or 511 or 512 or 999)
            {
                bench.ShouldBeExact();
            }
        }
    }

    private static void Walk(BoundedCounts<PeerKey> counts, int keys)
    {
        for (int socket = 0; socket < keys * 2; socket++)
        {
            counts.Add(PeerKey.Number(socket % keys), socket % Kinds);
        }
    }

    private static void Beyond<TKey>(Func<int, TKey> number)
        where TKey : struct, ICountKey<TKey> => Prop.ForAll<PositiveInt, (ushort Key, byte Kind, byte Amount)[]>((bound, stream) =>
    {
        var bench = new CountingBench<TKey>(bound.Get, Kinds);

        // Once by ones and once by amounts, which leave the counters ragged.
        foreach ((ushort key, byte kind, _) in stream)
        {
            bench.Add(number(key % 50), kind % Kinds, 1);
        }

        bench.ShouldKeepItsWord();
        foreach ((ushort key, byte kind, byte amount) in stream)
        {
            bench.Add(number(key % 100), kind % Kinds, amount);
            bench.ShouldKeepItsWord();
        }
    }).Check(Thorough);
}
