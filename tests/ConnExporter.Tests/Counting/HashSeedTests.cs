using ConnExporter.Kernel;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Tests.Counting;

public class HashSeedTests
{
    [Fact]
    public void Two_seeds_give_different_hashes() => HashSeed.Random().Of(1).ShouldNotBe(HashSeed.Random().Of(1));

    [Fact]
    public void Every_word_counts_and_so_does_its_place()
    {
        var seed = HashSeed.Random();
        ulong[] hashes =
        [
            seed.Of(1), seed.Of(0, 1), seed.Of(2, 1), seed.Of(1, 2),
            seed.Of(0, 0, 1), seed.Of(0, 0, 0, 1), seed.Of(1, 0, 0), seed.Of(0, 1, 0),
            seed.Of(0, 0, 0, 0, 1), seed.Of(0, 0, 0, 0, 0, 1), seed.Of(1, 0, 0, 0, 0), seed.Of(0, 1, 0, 0, 0), seed.Of(0, 0, 1, 0, 0), seed.Of(0, 0, 0, 1, 0),
        ];

        hashes.ShouldBeUnique();
    }

    [Fact]
    public void The_public_seed_is_the_same_in_every_process() => HashSeed.Public.Of(1, 2, 3, 4, 5).ShouldBe(0x99d1_bc0e_2126_3359ul);

    [Fact]
    public void Addresses_made_to_collide_in_GetHashCode_do_not_collide_here()
    {
        const int Addresses = 65_536;
        const int Places = 2 * Addresses;
        var seed = HashSeed.Random();
        int[] taken = new int[Places];
        HashSet<int> folded = [];
        for (uint host = 0; host < Addresses; host++)
        {
            // Both halves of the low word are the same, so that folding it leaves nothing.
            var address = new InetAddress(0x2001_0db8_0000_0000, ((ulong)host << 32) | host);
            folded.Add(address.GetHashCode());
            taken[(seed.Of(address.High, address.Low) >> 32) % Places]++;
        }

        folded.Count.ShouldBe(1);

        // At random the fullest place of these has about 7, and 20 practically never.
        taken.Max().ShouldBeLessThan(20);
    }
}
