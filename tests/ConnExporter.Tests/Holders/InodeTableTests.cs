using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Holders;

public class InodeTableTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_finds_what_a_dictionary_finds(int seed)
    {
        var random = new Random(seed);
        var table = new InodeTable(100_000);
        var expected = new Dictionary<uint, (uint Value, byte Seen)>();
        for (int i = 0; i < 200_000; i++)
        {
            uint inode = (uint)random.Next(1, 60_000) * 4099;
            byte mark = (byte)(i / 10_000);
            switch (random.Next(10))
            {
                case 0:
                    table.TryFind(inode, out uint found, mark).ShouldBe(expected.TryGetValue(inode, out (uint Value, byte Seen) known));
                    found.ShouldBe(known.Value);
                    if (known != default)
                    {
                        expected[inode] = known with { Seen = mark };
                    }

                    break;
                case 1 when random.Next(20_000) == 0:
                    table.Sweep((value, seen) => value % 3 != 0 && seen + 2 >= mark);
                    foreach ((uint key, (uint value, byte seen)) in expected)
                    {
                        if (value % 3 == 0 || seen + 2 < mark)
                        {
                            expected.Remove(key);
                        }
                    }

                    break;
                default:
                    table.Set(inode, (uint)i, mark);
                    expected[inode] = ((uint)i, expected.TryGetValue(inode, out known) ? known.Seen : mark);
                    break;
            }

            table.Count.ShouldBe(expected.Count);
        }

        foreach ((uint key, (uint value, _)) in expected)
        {
            table.TryPeek(key, out uint found).ShouldBeTrue();
            found.ShouldBe(value);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(SocketOwners.DefaultBound)]
    public void It_takes_as_many_as_its_bound(int bound)
    {
        var table = new InodeTable(bound);
        for (uint inode = 1; !table.IsFull(0); inode++)
        {
            table.Set(inode, inode, 0);
        }

        table.Count.ShouldBe(bound);
        table.TryPeek((uint)bound, out uint last).ShouldBeTrue();
        last.ShouldBe((uint)bound);
        table.TryPeek((uint)bound + 1, out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Sweeps_drop_what_they_are_told_to_and_nothing_else(int seed)
    {
        var random = new Random(seed);
        var table = new InodeTable(2_000);
        var expected = new Dictionary<uint, uint>();
        for (int sweep = 0; sweep < 300; sweep++)
        {
            while (!table.IsFull(0))
            {
                uint inode = (uint)random.Next(1, int.MaxValue);
                uint value = (uint)random.Next(10);
                table.Set(inode, value, 0);
                expected[inode] = value;
            }

            uint dropped = (uint)random.Next(10);
            table.Sweep((value, _) => value != dropped);
            foreach ((uint inode, uint value) in expected)
            {
                table.TryPeek(inode, out _).ShouldBe(value != dropped);
                if (value == dropped)
                {
                    expected.Remove(inode);
                }
            }

            table.Count.ShouldBe(expected.Count);
        }
    }

    [Fact]
    public void A_sweep_allocates_nothing_while_the_table_keeps_its_size()
    {
        var table = new InodeTable(10_000);
        for (uint inode = 1; inode <= 10_000; inode++)
        {
            table.Set(inode, inode, 0);
        }

        table.Sweep(static (value, _) => value % 5 != 0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        table.Sweep(static (value, _) => value % 7 != 0);

        // The delegate, at the first use of its place.
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(100);
    }
}
