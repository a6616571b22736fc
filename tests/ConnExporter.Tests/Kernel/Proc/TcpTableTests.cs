using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class TcpTableTests
{
    private const string Header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    private const string Row = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 18910 7 00000000e8bf5a0b 100 0 0 10 0\n";

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void Both_tables_together_hold_every_socket_of_the_namespace(string vintage)
    {
        ulong[] tally = new ulong[TcpTable.StateCount];
        foreach (string table in (string[])["net/tcp", "net/tcp6"])
        {
            using var file = new LineFile(Fixture.Proc(vintage).PathOf(table));
            TcpTable.Tally(file, tally);
        }

        // Unknown, ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING
        tally.ShouldBe([0ul, 67, 4, 3, 1, 10, 9, 0, 8, 1, 6, 1]);
    }

    [Theory]
    [InlineData("01", TcpState.Established)]
    [InlineData("0A", TcpState.Listen)]
    [InlineData("0a", TcpState.Listen)]
    [InlineData("0B", TcpState.Closing)]
    [InlineData("0C", TcpState.Unknown)]
    [InlineData("00", TcpState.Unknown)]
    [InlineData("FF", TcpState.Unknown)]
    public void A_state_without_a_name_is_unknown(string state, TcpState expected) =>
        TcpTable.ParseState("/proc/net/tcp", Bytes($"   7: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000")).ShouldBe(expected);

    [Theory]
    [InlineData("")]
    [InlineData("   7: 0100007F:1F90 00000000:0000 0A")]
    [InlineData("   7: 0100007F:1F90 00000000:0000 0A 00000000")]
    [InlineData("   7: 0100007F:1F90 00000000:0000 A 00000000:00000000")]
    [InlineData("   7: 0100007F:1F90 00000000:0000 0A0 00000000:00000000")]
    [InlineData("   7: 0100007F:1F90 00000000:0000 -1 00000000:00000000")]
    [InlineData("   7: 0100007F:1F90 00000000:0000 xy 00000000:00000000")]
    [InlineData("   7 0100007F:1F90 00000000:0000 0A 00000000:00000000")]
    [InlineData("   7: 0100007F 00000000:0000 0A 00000000:00000000")]
    [InlineData("   7: 0100007F:1F90 00000000 0A 00000000:00000000")]
    public void A_line_that_is_no_sockets_is_refused(string line) =>
        ShouldBeBroken(() => TcpTable.ParseState("/proc/net/tcp", Bytes(line)), "/proc/net/tcp", "a socket's line", $"'{line}'");

    [Theory]
    [InlineData("", "a header with local_address", "''")]
    [InlineData(Row, "a header with local_address", "0: 00000000:1F90")]
    [InlineData(Header + Row + "\n", "a socket's line", "''")]
    [InlineData(Header + Row + "   1: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:0000", "a line end", "1: 00000000:1F90")]
    public void A_table_that_is_not_whole_is_refused(string text, string expected, string found)
    {
        using var directory = new TemporaryDirectory();
        using var file = new LineFile(directory.Write("tcp", text));

        ShouldBeBroken(() => TcpTable.Tally(file, new ulong[TcpTable.StateCount]), file.Path, expected, found);
    }

    [Fact]
    public void A_table_without_sockets_has_its_header_alone()
    {
        using var directory = new TemporaryDirectory();
        using var file = new LineFile(directory.Write("tcp6", Header));
        ulong[] tally = new ulong[TcpTable.StateCount];

        TcpTable.Tally(file, tally);

        tally.ShouldAllBe(count => count == 0);
    }

    [Fact]
    public void Without_IPv6_there_is_no_table()
    {
        using var file = new LineFile("/proc/net/no-such-table");

        ShouldBe(ConnExporter.Kernel.FailureKind.Absent, "absent", () => TcpTable.Tally(file, new ulong[TcpTable.StateCount]), file.Path);
    }

    [Fact]
    public void Every_truncation_is_refused_unless_whole_rows_are_missing()
    {
        byte[] whole = Fixture.Read("linux-5.10", "net/tcp6");
        using var directory = new TemporaryDirectory();

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(
            whole,
            text => Sockets(directory, text),
            (length, sockets) => whole[length - 1] == '\n' && sockets == (ulong)whole.AsSpan(0, length).Count((byte)'\n') - 1);
    }

    [Fact]
    public void Damaged_lines_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Bytes(Row[..^1])], line => TcpTable.ParseState("/proc/net/tcp", line));

    [Fact]
    public void Damaged_tables_are_refused_and_nothing_worse()
    {
        using var directory = new TemporaryDirectory();
        using var file = new LineFile(directory.Write("tcp", ""));

        ParserProperties.NothingButRefusalsEscape(
            [Fixture.Read("linux-6.18", "net/tcp6"), Bytes(Header)],
            text =>
            {
                File.WriteAllBytes(file.Path, text);
                TcpTable.Tally(file, stackalloc ulong[TcpTable.StateCount]);
            });
    }

    private static ulong Sockets(TemporaryDirectory directory, byte[] text)
    {
        using var file = new LineFile(directory.Write("tcp", text));
        ulong[] tally = new ulong[TcpTable.StateCount];
        TcpTable.Tally(file, tally);
        return tally.Aggregate((a, b) => a + b);
    }
}
