using ConnExporter.Sampling.Counting;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Counting;

public class TopRowsTests
{
    private const int Kinds = 3;

    private readonly BoundedCounts<PeerKey> counts = new(1000, Kinds);
    private readonly TopRows<PeerKey> top = new(2, Kinds);

    [Fact]
    public void The_largest_are_shown_and_the_one_with_the_most_comes_first()
    {
        Choose((1, 5), (2, 30), (3, 7), (4, 20)).ShouldBe([2, 4]);

        top.Other.ShouldBe(12);
        top.LeftOut.ShouldBe(2);
    }

    [Fact]
    public void When_all_find_room_nothing_is_left_for_other()
    {
        Choose((1, 5), (2, 30)).ShouldBe([2, 1]);

        top.Other.ShouldBe(0);
        top.LeftOut.ShouldBe(0);
    }

    // A dimension that is counted and not ranked by is not left over either.
    [Fact]
    public void When_all_find_room_nothing_is_left_for_other_of_what_is_not_ranked()
    {
        var ranked = new TopRows<PeerKey>(2, Kinds, ranked: 1);
        counts.Add(PeerKey.Number(1), 0);
        counts.Add(PeerKey.Number(1), 1);

        ranked.Choose(counts);

        ranked.Other.ShouldBe(0);
    }

    [Fact]
    public void A_choice_from_an_empty_table_is_empty()
    {
        Choose((1, 5));

        Choose().ShouldBeEmpty();
        top.Other.ShouldBe(0);
    }

    [Fact]
    public void A_key_that_is_shown_stays_until_a_newcomer_has_more_than_a_quarter_more()
    {
        Choose((1, 1000), (2, 100), (3, 99)).ShouldBe([1, 2]);
        Choose((1, 1000), (2, 100), (3, 101)).ShouldBe([1, 2]);
        Choose((1, 1000), (2, 100), (3, 125)).ShouldBe([1, 2]);
        Choose((1, 1000), (2, 100), (3, 126)).ShouldBe([1, 3]);
        Choose((1, 1000), (2, 126), (3, 126)).ShouldBe([1, 3]);
    }

    [Fact]
    public void The_margin_decides_who_is_shown_and_not_in_which_order()
    {
        Choose((1, 100), (2, 90)).ShouldBe([1, 2]);
        Choose((1, 100), (2, 50), (3, 110)).ShouldBe([3, 1]);
    }

    [Fact]
    public void A_key_that_is_gone_leaves_its_place()
    {
        Choose((1, 1000), (2, 100), (3, 1)).ShouldBe([1, 2]);
        Choose((1, 1000), (3, 1)).ShouldBe([1, 3]);

        // It is a newcomer when it is back.
        Choose((1, 1000), (2, 1), (3, 1)).ShouldBe([1, 3]);
    }

    [Fact]
    public void Two_nearly_equal_keys_do_not_take_turns()
    {
        var random = new Random(3);
        int[] first = Choose((1, 1000), (2, 100), (3, 100));
        for (int walk = 0; walk < 200; walk++)
        {
            Choose((1, 1000), (2, random.Next(95, 106)), (3, random.Next(95, 106))).ShouldBe(first);
        }
    }

    [Fact]
    public void Among_equals_the_choice_depends_on_neither_order_nor_process_nor_table()
    {
        (int Key, int Count)[] equal = [.. Enumerable.Range(0, 500).Select(key => (key, 7))];
        int[] first = Choose(equal);
        for (int walk = 0; walk < 20; walk++)
        {
            new Random(walk).Shuffle(equal);
            var table = new BoundedCounts<PeerKey>(1000, Kinds);
            var fresh = new TopRows<PeerKey>(2, Kinds);
            Fill(table, equal);
            fresh.Choose(table);

            Numbers(fresh).ShouldBe(first);
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(10_000)]
    [InlineData(500_000)]
    public void Rows_and_other_are_the_exact_totals(int peers)
    {
        var table = new BoundedCounts<PeerKey>(BoundedCounts<PeerKey>.DefaultBound, Kinds);
        var shown = new TopRows<PeerKey>(50, Kinds);
        for (int walk = 0; walk < 2; walk++)
        {
            long[] totals = new long[Kinds];
            table.Clear();
            for (int socket = 0; socket < peers * 2; socket++)
            {
                int kind = (socket + walk) % Kinds;
                table.Add(PeerKey.Number(socket % 3 == 0 ? socket % 40 : socket / 2), kind);
                totals[kind]++;
            }

            shown.Choose(table);

            shown.Count.ShouldBe(50);
            shown.LeftOut.ShouldBe(table.Count - 50);
            (shown.Other + Sum(shown, row => row.Guaranteed)).ShouldBe(peers * 2);
            for (int kind = 0; kind < Kinds; kind++)
            {
                shown.OtherOf(kind).ShouldBeGreaterThanOrEqualTo(0);
                (shown.OtherOf(kind) + Sum(shown, row => row.Counts[kind])).ShouldBe(totals[kind]);
            }
        }
    }

    [Fact]
    public void Without_favourites_it_is_the_head_of_the_sorted_table() => Prop.ForAll<PositiveInt, (byte Key, byte Amount)[]>((rows, stream) =>
    {
        var table = new BoundedCounts<PeerKey>(1000, 1);
        var shown = new TopRows<PeerKey>(rows.Get, 1);
        foreach ((byte key, byte amount) in stream)
        {
            table.Add(PeerKey.Number(key), 0, amount);
        }

        shown.Choose(table);

        List<long> sorted = [];
        foreach (BoundedCounts<PeerKey>.Row row in table)
        {
            sorted.Add(row.Guaranteed);
        }

        Guaranteed(shown).ShouldBe(sorted.OrderDescending().Take(rows.Get));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Nobody_who_is_left_out_beats_one_who_is_shown_by_the_margin() => Prop.ForAll<(byte Key, byte Amount)[][]>(walks =>
    {
        var table = new BoundedCounts<PeerKey>(1000, 1);
        var shown = new TopRows<PeerKey>(5, 1);
        HashSet<PeerKey> before = [];
        foreach ((byte Key, byte Amount)[] walk in walks)
        {
            table.Clear();
            foreach ((byte key, byte amount) in walk)
            {
                table.Add(PeerKey.Number(key % 16), 0, amount);
            }

            shown.Choose(table);

            HashSet<PeerKey> now = [];
            for (int i = 0; i < shown.Count; i++)
            {
                now.Add(shown[i].Key).ShouldBeTrue();
            }

            now.Count.ShouldBe(Math.Min(5, table.Count));
            foreach (BoundedCounts<PeerKey>.Row left in table)
            {
                for (int i = 0; i < shown.Count && !now.Contains(left.Key); i++)
                {
                    double kept = shown[i].Guaranteed * (before.Contains(shown[i].Key) ? 1.25 : 1);
                    double lost = left.Guaranteed * (before.Contains(left.Key) ? 1.25 : 1);
                    Math.Floor(lost).ShouldBeLessThanOrEqualTo(Math.Floor(kept));
                }
            }

            before = now;
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Its_rows_outlive_the_next_walk()
    {
        Choose((1, 5), (2, 30));
        counts.Clear();
        Fill(counts, [(7, 1), (8, 1)]);

        Numbers(top).ShouldBe([2, 1]);
        Guaranteed(top).ShouldBe([30, 5]);
    }

    [Fact]
    public void Choosing_allocates_nothing()
    {
        Choose((1, 5), (2, 30), (3, 20));
        top.Choose(counts);

        long before = GC.GetAllocatedBytesForCurrentThread();
        top.Choose(counts);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        allocated.ShouldBe(0);
    }

    [Fact]
    public void With_no_rows_to_show_everything_is_other()
    {
        Fill(counts, [(1, 5), (2, 6)]);
        var none = new TopRows<PeerKey>(0, Kinds);
        none.Choose(counts);

        none.Count.ShouldBe(0);
        none.Other.ShouldBe(11);
        none.LeftOut.ShouldBe(2);
    }

    [Fact]
    public void A_table_of_other_dimensions_is_refused() =>
        Should.Throw<ArgumentOutOfRangeException>(() => top.Choose(new BoundedCounts<PeerKey>(10, Kinds + 1)));

    private int[] Choose(params (int Key, int Count)[] entries)
    {
        counts.Clear();
        Fill(counts, entries);
        top.Choose(counts);
        return Numbers(top);
    }

    private static void Fill(BoundedCounts<PeerKey> table, (int Key, int Count)[] entries)
    {
        foreach ((int key, int count) in entries)
        {
            table.Add(PeerKey.Number(key), key % Kinds, (ulong)count);
        }
    }

    private static int[] Numbers(TopRows<PeerKey> rows)
    {
        int[] numbers = new int[rows.Count];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = (int)rows[i].Key.Remote.Low;
        }

        return numbers;
    }

    private static long[] Guaranteed(TopRows<PeerKey> rows)
    {
        long[] guaranteed = new long[rows.Count];
        for (int i = 0; i < guaranteed.Length; i++)
        {
            guaranteed[i] = rows[i].Guaranteed;
        }

        return guaranteed;
    }

    private static long Sum(TopRows<PeerKey> rows, Value value)
    {
        long sum = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            sum += value(rows[i]);
        }

        return sum;
    }

    private delegate long Value(BoundedCounts<PeerKey>.Row row);
}
