using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class StatesCollectorTests : IDisposable
{
    private const uint RareStates = 0xfbd;
    private const uint AllStates = 0xfff;
    private const int NoEntry = 2;
    private const int OperationNotSupported = 95;
    private const int TooManyFiles = 24;
    private const string TableHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    private static readonly byte[] Shutdown = Netlink.Attribute(8, 0);
    private static readonly byte[] Listener = Full(TcpState.Listen);
    private static readonly byte[] CloseWait = Full(TcpState.CloseWait);

    // A request socket and a minisocket carry nothing behind the fixed part.
    private static readonly byte[] Request = Netlink.Record(state: (byte)TcpState.SynRecv, timer: 1);
    private static readonly byte[] OrphanInFinWait2 = Netlink.Record(state: (byte)TcpState.FinWait2, timer: 3);

    private readonly CollectorBench bench = new();

    public StatesCollectorTests()
    {
        Totals(v4: 0, v6: 0, timeWait: 0);
        bench.Use(kernel => new StatesCollector(kernel));
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Established_is_what_the_kernel_counts_without_what_the_walk_saw()
    {
        Totals(v4: 100, v6: 20, timeWait: 7);
        bench.SockDiag.Dump(Listener, Listener, CloseWait);

        MetricsText page = bench.Collect();

        page.Of("conn_tcp_sockets").ShouldBe(
        [
            "self established 117", "self syn_sent 0", "self syn_recv 0", "self fin_wait1 0", "self fin_wait2 0", "self time_wait 7",
            "self close 0", "self close_wait 1", "self last_ack 0", "self listen 2", "self closing 0", "self unknown 0",
        ]);
        bench.SockDiag.AskedStates.ShouldBe([RareStates]);
    }

    [Fact]
    public void Time_wait_is_what_is_left_of_the_minisockets_without_those_of_orphans_in_fin_wait2()
    {
        Totals(v4: 10, v6: 0, timeWait: 7);
        bench.SockDiag.Dump(OrphanInFinWait2, OrphanInFinWait2, Full(TcpState.FinWait2));

        MetricsText page = bench.Collect();

        page["conn_tcp_sockets", "self", "time_wait"].ShouldBe("5");
        page["conn_tcp_sockets", "self", "fin_wait2"].ShouldBe("3");
        page["conn_tcp_sockets", "self", "established"].ShouldBe("9");
    }

    [Fact]
    public void Request_sockets_are_shown_but_are_none_of_those_that_the_kernel_counts()
    {
        Totals(v4: 10, v6: 0, timeWait: 0);
        bench.SockDiag.Dump(Listener, Request, Request, Request);

        MetricsText page = bench.Collect();

        page["conn_tcp_sockets", "self", "syn_recv"].ShouldBe("3");
        page["conn_tcp_sockets", "self", "established"].ShouldBe("9");
    }

    [Fact]
    public void A_whole_socket_in_syn_recv_as_fast_open_makes_them_is_counted()
    {
        Totals(v4: 10, v6: 0, timeWait: 0);
        bench.SockDiag.Dump(Listener, Request, Full(TcpState.SynRecv));

        MetricsText page = bench.Collect();

        page["conn_tcp_sockets", "self", "syn_recv"].ShouldBe("2");
        page["conn_tcp_sockets", "self", "established"].ShouldBe("8");
    }

    [Fact]
    public void A_state_that_this_program_does_not_know_is_counted_as_unknown()
    {
        Totals(v4: 5, v6: 0, timeWait: 0);
        bench.SockDiag.Dump(Netlink.Record(state: 14, attributes: Shutdown));

        MetricsText page = bench.Collect();

        page["conn_tcp_sockets", "self", "unknown"].ShouldBe("1");
        page["conn_tcp_sockets", "self", "established"].ShouldBe("4");
    }

    [Fact]
    public void Without_ipv6_there_are_no_sockets_of_it()
    {
        Totals(v4: 10, v6: null, timeWait: 0);
        bench.SockDiag.Dump(Listener);

        bench.Collect()["conn_tcp_sockets", "self", "established"].ShouldBe("9");
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(100, 0)]
    public void When_sockets_came_and_went_during_the_walk_all_are_looked_at(ulong inUse, ulong timeWait)
    {
        // Two whole sockets and a minisocket in rare states: more than there are of one kind or the other.
        Totals(inUse, v6: 0, timeWait);
        bench.SockDiag.Dump(Listener, CloseWait, OrphanInFinWait2);
        bench.SockDiag.Dump(Listener, Full(TcpState.Established), Full(TcpState.Established), Netlink.Record(state: (byte)TcpState.TimeWait, timer: 3));

        MetricsText page = bench.Collect();

        bench.SockDiag.AskedStates.ShouldBe([RareStates, AllStates]);
        page["conn_tcp_sockets", "self", "established"].ShouldBe("2");
        page["conn_tcp_sockets", "self", "time_wait"].ShouldBe("1");
        page["conn_tcp_sockets", "self", "listen"].ShouldBe("1");
        page["conn_tcp_sockets", "self", "close_wait"].ShouldBe("0");
    }

    [Fact]
    public void The_page_tells_where_the_sockets_were_read()
    {
        Totals(v4: 1, v6: 0, timeWait: 0);
        bench.SockDiag.Dump(Listener);

        MetricsText page = bench.Collect();

        page.Of("conn_tcp_sockets_source").ShouldBe(["self sock_diag 1", "self proc_net_tcp 0"]);
    }

    [Theory]
    [InlineData(Netlink.Error, OperationNotSupported)]
    [InlineData(Netlink.Done, NoEntry)]
    public void Where_sock_diag_is_missing_the_tables_of_proc_are_read(ushort type, int errno)
    {
        Tables();
        bench.SockDiag.Refuse(type, errno);

        MetricsText page = bench.Collect();

        page["conn_tcp_sockets", "self", "listen"].ShouldBe("2");
        page["conn_tcp_sockets", "self", "established"].ShouldBe("1");
        page["conn_tcp_sockets", "self", "time_wait"].ShouldBe("1");
        page.Of("conn_tcp_sockets_source").ShouldBe(["self sock_diag 0", "self proc_net_tcp 1"]);
        bench.TakeNotes().ShouldHaveSingleItem().ShouldContain("load the modules inet_diag and tcp_diag");
    }

    [Fact]
    public void A_kernel_without_sock_diag_at_all_is_read_from_the_tables_too()
    {
        Tables();
        bench.Remove("net/tcp6");
        bench.SockDiag.OpenFailure = new KernelReadException(FailureKind.Absent, "absent", "this kernel has no sock_diag");

        bench.Collect()["conn_tcp_sockets", "self", "listen"].ShouldBe("1");
    }

    [Fact]
    public void A_missing_sock_diag_is_asked_for_again_after_five_minutes()
    {
        Tables();
        Totals(v4: 4, v6: 0, timeWait: 0);
        bench.SockDiag.Refuse(Netlink.Error, OperationNotSupported);
        bench.Collect();

        bench.Time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromTicks(1));
        bench.Collect()["conn_tcp_sockets_source", "self", "proc_net_tcp"].ShouldBe("1");
        bench.SockDiag.AskedStates.Count.ShouldBe(1);

        bench.Time.Advance(TimeSpan.FromTicks(1));
        bench.SockDiag.Dump(Listener);
        MetricsText page = bench.Collect();
        page["conn_tcp_sockets_source", "self", "sock_diag"].ShouldBe("1");
        page["conn_tcp_sockets", "self", "established"].ShouldBe("3");
    }

    [Fact]
    public void While_it_stays_missing_it_is_noted_once()
    {
        Tables();
        for (int attempt = 0; attempt < 3; attempt++)
        {
            bench.SockDiag.Refuse(Netlink.Error, OperationNotSupported);
            bench.Collect();
            bench.Time.Advance(TimeSpan.FromMinutes(5));
        }

        bench.TakeNotes().Length.ShouldBe(1);
        bench.SockDiag.AskedStates.Count.ShouldBe(3);
    }

    [Fact]
    public void A_dump_that_breaks_off_gives_no_reading_and_the_next_one_goes_over_a_new_socket()
    {
        Totals(v4: 3, v6: 0, timeWait: 0);
        bench.SockDiag.Dump(Listener);
        bench.Collect();
        bench.SockDiag.BreakAfter(Listener, Listener);

        KernelReadException failure = bench.Fail();

        failure.Kind.ShouldBe(FailureKind.Broken);
        failure.Reason.ShouldBe("protocol");
        bench.SockDiag.Opened.ShouldBe(1);

        bench.SockDiag.Dump(Listener);
        bench.Collect()["conn_tcp_sockets", "self", "established"].ShouldBe("2");
        bench.SockDiag.Opened.ShouldBe(2);
    }

    [Fact]
    public void Another_verdict_of_the_kernel_gives_no_reading_and_no_detour()
    {
        Tables();
        bench.SockDiag.Refuse(Netlink.Error, TooManyFiles);

        bench.Fail().Reason.ShouldBe("errno");
        bench.TakeNotes().ShouldBeEmpty();
    }

    [Fact]
    public void Where_the_socket_is_denied_the_tables_are_read_and_it_is_tried_again_next_time()
    {
        bench.SockDiag.OpenFailure = new KernelReadException(FailureKind.Denied, "denied", "the address family is not permitted");
        bench.Fail().Message.ShouldContain("net/tcp");
        bench.Write("net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n");
        bench.Collect()["conn_tcp_sockets_source", "self", "proc_net_tcp"].ShouldBe("1");
        bench.TakeNotes().ShouldContain(note => note.Contains("not permitted", StringComparison.Ordinal));

        bench.SockDiag.OpenFailure = null;
        Totals(v4: 1, v6: 0, timeWait: 0);
        bench.SockDiag.Dump(Listener);
        bench.Collect()["conn_tcp_sockets", "self", "established"].ShouldBe("0");
    }

    [Theory]
    [InlineData("net/sockstat")]
    [InlineData("net/sockstat6")]
    public void Totals_that_cannot_be_read_give_no_reading(string file)
    {
        bench.Write(file, "TCP: inuse many\n");
        bench.SockDiag.Dump(Listener);

        bench.Fail().Reason.ShouldBe("parse");
    }

    private static byte[] Full(TcpState state) => Netlink.Record(state: (byte)state, attributes: Shutdown);

    private void Totals(ulong v4, ulong? v6, ulong timeWait)
    {
        bench.Write("net/sockstat", $"sockets: used 9\nTCP: inuse {v4} orphan 0 tw {timeWait} alloc 5 mem 1\n");
        if (v6 is null)
        {
            bench.Remove("net/sockstat6");
        }
        else
        {
            bench.Write("net/sockstat6", $"TCP6: inuse {v6}\n");
        }
    }

    private void Tables()
    {
        bench.Write("net/tcp", TableHeader + "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1\n   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 2\n");
        bench.Write("net/tcp6", TableHeader + "   0: 00:1F90 00:0000 0A 00000000:00000000 00:00000000 00000000 0 0 3\n   1: 00:1F90 00:C350 06 00000000:00000000 03:00000000 00000000 0 0 0\n");
    }
}
