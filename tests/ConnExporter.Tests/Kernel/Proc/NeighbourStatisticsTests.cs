using ConnExporter.Kernel.Proc;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class NeighbourStatisticsTests
{
    private const string Path = "/proc/net/stat/arp_cache";

    // As Linux 6.18 prints it.
    private const string Two =
        "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n"
        + "0000001f 000002c3 000002ff 00000000   000000c9 00000000 00000000   00000000         00000000         00000080         00000002       00000000            00000010\n"
        + "0000001f 00000334 000002f6 00000005   000000dd 00000008 00000000   00000000         00000000         00000000         00000001       00000000            0000000a\n";

    [Fact]
    public void Entries_are_in_every_row_and_counters_are_summed() => Parse(Two).ShouldBe(new(Entries: 31, TableFulls: 26, ForcedCollections: 3));

    [Fact]
    public void A_kernel_without_table_fulls_does_not_say_0() =>
        Parse("entries allocs forced_gc_runs\n0a 1 2\n").ShouldBe(new(Entries: 10, TableFulls: null, ForcedCollections: 2));

    [Fact]
    public void Columns_are_found_by_name() => Parse("table_fulls newer entries\n1 ff a\n3 ff a\n").ShouldBe(new(Entries: 10, TableFulls: 4, ForcedCollections: null));

    [Theory]
    [InlineData("", "a header", "''")]
    [InlineData("searched found\n1 2\n", "a header with the column entries", "searched found")]
    [InlineData("entries table_fulls\n", "a row for each CPU", "entries table_fulls")]
    [InlineData("entries table_fulls\n0a 1\n0a\n", "for each name in the header", "'0a'")]
    [InlineData("entries table_fulls\n0a 1 2\n", "a name in the header for each number", "0a 1 2")]
    [InlineData("entries table_fulls\n0a xyz\n", "a hexadecimal number", "0a xyz")]
    [InlineData("entries table_fulls\n0a -1\n", "a hexadecimal number", "0a -1")]
    [InlineData("entries table_fulls\n0a 1\n0a 0000", "a line end", "0a 0000")]
    public void Rows_that_do_not_match_the_header_are_refused(string text, string expected, string found) => ShouldBeBroken(() => Parse(text), Path, expected, found);

    private static NeighbourStatistics Parse(string text) => NeighbourStatistics.Parse(Path, System.Text.Encoding.ASCII.GetBytes(text));
}
