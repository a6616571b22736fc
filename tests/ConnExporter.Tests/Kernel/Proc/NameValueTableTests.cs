using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class NameValueTableTests
{
    private const string Path = "/proc/net/netstat";

    // The order of the kernel, which the parser favours; the last is of no kernel.
    private static readonly string[] Wanted = ["SyncookiesSent", "ListenOverflows", "TCPReqQFullDrop", "TCPRcvQDrop", "TCPFastOpenPassiveAltKey", "TCPAOGood", "NoSuchCounter"];

    [Theory]
    [InlineData("linux-4.19", new[] { "155", "460", "4", "2", null, null, null })]
    [InlineData("linux-5.10", new[] { "155", "460", "4", "2", "0", null, null })]
    [InlineData("linux-6.18", new[] { "311", "916", "9", "4", "0", "0", null })]
    public void A_column_that_a_kernel_lacks_is_null(string vintage, string?[] expected) =>
        Parse(Fixture.Read(vintage, "net/netstat"), "TcpExt:", Wanted).Values.ShouldBe(expected.Select(v => v is null ? (ulong?)null : ulong.Parse(v)));

    [Theory]
    [InlineData("linux-4.19", 75)]
    [InlineData("linux-5.10", 75)]
    [InlineData("linux-6.18", 75)]
    public void Snmp_has_the_same_format(string vintage, ulong established)
    {
        // MaxConn is -1: a value that nobody asked for is nobody's trouble.
        (ulong?[] values, int rejected) = Parse(Fixture.Read(vintage, "net/snmp"), "Tcp:", "CurrEstab");

        values.ShouldBe([established]);
        rejected.ShouldBe(0);
    }

    [Theory]
    [InlineData("Tcp: A B C\nTcp: 1 2 3\n")]
    [InlineData("Tcp: C New A B\nTcp: 3 99 1 2\n")]
    [InlineData("Ip: A B C\nIp: 7 8 9\nTcp: B C A\nTcp: 2 3 1\nTcpExt: A\nTcpExt: 5\n")]
    public void Columns_are_found_by_name_in_any_order(string text) => Parse(Bytes(text), "Tcp:", "A", "B", "C").Values.ShouldBe([1ul, 2ul, 3ul]);

    [Fact]
    public void A_block_is_not_taken_for_another_whose_name_it_begins() => Parse(Bytes("TcpExt: A\nTcpExt: 5\nTcp: A\nTcp: 1\n"), "Tcp:", "A").Values.ShouldBe([1ul]);

    [Theory]
    [InlineData("18446744073709551616")]
    [InlineData("-1")]
    [InlineData("N/A")]
    [InlineData("12x")]
    [InlineData("+1")]
    [InlineData("1.5")]
    public void A_value_that_is_no_number_is_left_out_and_counted(string value)
    {
        (ulong?[] values, int rejected) = Parse(Bytes($"Tcp: A B C\nTcp: 1 {value} 3\n"), "Tcp:", "A", "B", "C");

        values.ShouldBe([1ul, null, 3ul]);
        rejected.ShouldBe(1);
    }

    [Fact]
    public void The_largest_counter_is_a_number() => Parse(Bytes("Tcp: A\nTcp: 18446744073709551615\n"), "Tcp:", "A").Values.ShouldBe([ulong.MaxValue]);

    [Theory]
    [InlineData("", "a block Tcp:", "''")]
    [InlineData("Ip: A\nIp: 1\n", "a block Tcp:", "Ip: A")]
    [InlineData("Tcp: A B\n", "a row of values after the names of Tcp:", "''")]
    [InlineData("Tcp: A B\nIp: 1 2\n", "a row of values after the names of Tcp:", "Ip: 1 2")]
    [InlineData("Tcp: A B\nTcp: 41\n", "as many values as names", "41")]
    [InlineData("Tcp: A B\nTcp: 41 42 43\n", "as many values as names", "41 42 43")]
    [InlineData("Tcp: A B\nTcp: 41 42", "a line end", "Tcp: 41 42")]
    [InlineData("\0\0\0\n", "a block Tcp:", @"\x00")]
    public void Rows_that_do_not_match_are_refused(string text, string expected, string found) =>
        ShouldBeBroken(() => Parse(Bytes(text), "Tcp:", "A", "B"), Path, expected, found);

    [Fact]
    public void Nothing_is_kept_of_rows_that_do_not_match()
    {
        ulong?[] values = [7, 7];

        Should.Throw<Exception>(() => NameValueTable.Parse(Path, "Tcp: A B\nTcp: 41\n"u8, "Tcp:"u8, [Bytes("A"), Bytes("B")], values));

        values.ShouldBe([null, null]);
    }

    [Fact]
    public void Another_block_that_is_broken_does_no_harm() => Parse(Bytes("Ip: A\nIp: 1 2 3\nTcp: A\nTcp: 1\nUdp: A B\nUdp: 1\n"), "Tcp:", "A").Values.ShouldBe([1ul]);

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-6.18")]
    public void Every_truncation_is_refused_or_understood(string vintage)
    {
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read(vintage, "net/netstat"), text => string.Join(' ', Parse(text, "TcpExt:", Wanted).Values));
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read(vintage, "net/snmp"), text => string.Join(' ', Parse(text, "Tcp:", "ActiveOpens", "InCsumErrors").Values));
    }

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() => ParserProperties.NothingButRefusalsEscape(
        [Fixture.Read("linux-4.19", "net/snmp"), Fixture.Read("linux-6.18", "net/netstat"), Bytes("TcpExt: TCPAOGood\nTcpExt: 1\n")],
        text => Parse(text, "TcpExt:", Wanted));

    private static (ulong?[] Values, int Rejected) Parse(byte[] text, string block, params string[] names)
    {
        ulong?[] values = new ulong?[names.Length];
        int rejected = NameValueTable.Parse(Path, text, Bytes(block), names.Select(Bytes).ToArray(), values);
        return (values, rejected);
    }
}
