using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class ConntrackStatisticsTests
{
    private const string Path = "/proc/net/stat/nf_conntrack";

    private static readonly ConntrackStatistics Unknown = new(null, null, null, null, null, null, null);

    [Fact]
    public void Linux_4_19_knows_neither_clashes_nor_long_chains() =>
        Parse(Fixture.Read("linux-4.19", "net/stat/nf_conntrack")).ShouldBe(new(Drops: 23, EarlyDrops: 6, InsertFailed: 11, Invalid: 38, null, null, SearchRestarts: 14));

    [Fact]
    public void Linux_5_10_counts_clashes() =>
        Parse(Fixture.Read("linux-5.10", "net/stat/nf_conntrack")).ShouldBe(new(Drops: 23, EarlyDrops: 6, InsertFailed: 11, Invalid: 38, ClashesResolved: 4, null, SearchRestarts: 14));

    [Fact]
    public void Linux_6_18_counts_long_chains_too() =>
        Parse(Fixture.Read("linux-6.18", "net/stat/nf_conntrack"))
            .ShouldBe(new(Drops: 41, EarlyDrops: 16, InsertFailed: 15, Invalid: 66, ClashesResolved: 13, ChainsTooLong: 3, SearchRestarts: 40));

    [Fact]
    public void Numbers_are_hexadecimal_and_summed_over_the_CPUs() =>
        Parse(Bytes("entries  drop\n0000000a  00000010\n0000000a  ffffffff\n0000000a  0000000F\n")).ShouldBe(Unknown with { Drops = 0x10 + 0xffffffffL + 0xf });

    [Fact]
    public void Columns_are_found_by_name() =>
        Parse(Bytes("drop  newer entries invalid\n1  ff a 2\n3  ff a 4\n")).ShouldBe(Unknown with { Drops = 4, Invalid = 6 });

    [Theory]
    [InlineData("", "a header", "''")]
    [InlineData("searched found\n1 2\n", "a header with the column entries", "searched found")]
    [InlineData("entries drop\n", "a row for each CPU", "entries drop")]
    [InlineData("entries drop\n0a 1\n0a\n", "for each name in the header", "'0a'")]
    [InlineData("entries drop\n0a 1 2\n", "a name in the header for each number", "0a 1 2")]
    [InlineData("entries drop\n0a xyz\n", "a hexadecimal number", "0a xyz")]
    [InlineData("entries drop\n0a -1\n", "a hexadecimal number", "0a -1")]
    [InlineData("entries drop\n0a 0x10\n", "a hexadecimal number", "0a 0x10")]
    [InlineData("entries drop\n0a 10000000000000000\n", "a hexadecimal number", "10000000000000000")]
    [InlineData("entries drop\n0a 1\n\n", "a hexadecimal number", "''")]
    [InlineData("entries drop\n0a 1\n0a 0000", "a line end", "0a 0000")]
    public void Rows_that_do_not_match_the_header_are_refused(string text, string expected, string found) => ShouldBeBroken(() => Parse(Bytes(text)), Path, expected, found);

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-6.18")]
    public void A_truncation_is_refused_unless_whole_rows_are_missing(string vintage)
    {
        byte[] whole = Fixture.Read(vintage, "net/stat/nf_conntrack");
        int firstRow = whole.IndexOf((byte)'\n') + 1;
        int secondRow = firstRow + whole.AsSpan(firstRow).IndexOf((byte)'\n') + 1;

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(whole, Parse, (length, _) => length == secondRow);
    }

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() => ParserProperties.NothingButRefusalsEscape(
        [Fixture.Read("linux-4.19", "net/stat/nf_conntrack"), Fixture.Read("linux-6.18", "net/stat/nf_conntrack"), Bytes("entries drop\n0a 1\n")],
        text => Parse(text));

    private static ConntrackStatistics Parse(byte[] text) => ConntrackStatistics.Parse(Path, text) with { Entries = null };
}
