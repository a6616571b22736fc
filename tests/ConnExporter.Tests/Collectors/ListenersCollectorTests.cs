using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class ListenersCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public ListenersCollectorTests() => bench.Use(kernel => new ListenersCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Fact]
    public void A_listener_shows_queue_limit_peak_and_drops()
    {
        MetricsText page = Collect(Listener(port: 80, queue: 3, limit: 128, drops: 7));

        page["conn_listener_accept_queue", "self", "192.0.2.1", "80"].ShouldBe("3");
        page["conn_listener_accept_queue_limit", "self", "192.0.2.1", "80"].ShouldBe("128");
        page["conn_listener_accept_queue_peak", "self", "192.0.2.1", "80"].ShouldBe("3");
        page["conn_listener_drops_total", "self", "192.0.2.1", "80"].ShouldBe("7");
        bench.SockDiag.AskedStates.ShouldBe([0x400u]);
    }

    [Theory]
    [InlineData(FailureKind.Absent)]
    [InlineData(FailureKind.Denied)]
    public void Without_sock_diag_the_tables_tell_the_queues_and_no_limits(FailureKind why)
    {
        bench.SockDiag.OpenFailure = new KernelReadException(why, why == FailureKind.Absent ? "absent" : "denied", "socket(AF_NETLINK): not here");
        bench.Write("net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
            + "   0: 0100007F:2382 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n"
            + "   1: 0100007F:2382 0100007F:7530 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1\n");

        var reading = (ListenersReading)bench.Sample();

        reading.Rows.ShouldBe([new("127.0.0.1", "9090", 3, Limit: null, 3, Drops: null)]);
        MetricsText.Of(reading).Of("conn_listener_accept_queue_limit").ShouldBeEmpty("what is not known is left out");
        bench.TakeNotes().ShouldContain(note => note.Contains("not here", StringComparison.Ordinal) && note.Contains("limits", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_sock_diag_and_tables_there_is_no_reading()
    {
        bench.SockDiag.OpenFailure = new KernelReadException(FailureKind.Denied, "denied", "socket(AF_NETLINK): not here");

        bench.Fail().Message.ShouldContain("net/tcp");
    }

    [Fact]
    public void Without_a_listener_there_is_a_reading_without_series() => Collect().Series.ShouldBeEmpty();

    [Fact]
    public void Addresses_are_apart_and_rows_in_the_order_of_ports_as_numbers() =>
        Collect(Listener(port: 8080), Listener(port: 80, address: "::1"), Listener(port: 443), Listener(port: 80), Listener(port: 80, address: "::"))
            .Of("conn_listener_accept_queue").ShouldBe(["self 192.0.2.1 80 0", "self :: 80 0", "self ::1 80 0", "self 192.0.2.1 443 0", "self 192.0.2.1 8080 0"]);

    [Theory]
    [InlineData(new uint[] { 5, 100, 1, 1 }, "1 1")]
    [InlineData(new uint[] { 2, 3, 2, 2 }, "2 2")]
    [InlineData(new uint[] { 0, 10, 4, 100 }, "4 100")]
    public void Of_sockets_that_share_an_address_the_fullest_is_shown(uint[] members, string shown)
    {
        MetricsText page = Collect(
            Listener(cookie: 1, queue: members[0], limit: members[1]),
            Listener(cookie: 2, queue: members[2], limit: members[3]));

        $"{page["conn_listener_accept_queue", "self", "192.0.2.1", "80"]} {page["conn_listener_accept_queue_limit", "self", "192.0.2.1", "80"]}".ShouldBe(shown);
    }

    // SO_BINDTODEVICE, and the scope of a link-local address: 1 is lo in every namespace, and no interface has a number like the other.
    [Fact]
    public void Those_that_are_bound_to_different_interfaces_are_apart() =>
        Collect(
            Listener(cookie: 1, queue: 1), Listener(cookie: 2, queue: 2, device: 1), Listener(cookie: 3, queue: 3, device: 2_000_000_000),
            Listener(cookie: 4, address: "fe80::1", queue: 4, device: 1))
            .Of("conn_listener_accept_queue").ShouldBe(["self 192.0.2.1 80 1", "self 192.0.2.1%if2000000000 80 3", "self 192.0.2.1%lo 80 2", "self fe80::1%lo 80 4"]);

    [Fact]
    public void Their_drops_add_up() => Drops(Listener(cookie: 1, drops: 3), Listener(cookie: 2, drops: 4)).ShouldBe("7");

    [Fact]
    public void Drops_do_not_fall_when_one_of_them_closes()
    {
        Drops(Listener(cookie: 1, drops: 3), Listener(cookie: 2, drops: 4)).ShouldBe("7");

        Drops(Listener(cookie: 2, drops: 5)).ShouldBe("8");
    }

    [Fact]
    public void A_member_that_joins_counts_from_its_birth()
    {
        Drops(Listener(cookie: 1, drops: 3)).ShouldBe("3");

        Drops(Listener(cookie: 1, drops: 3), Listener(cookie: 2, drops: 2)).ShouldBe("5");
    }

    [Fact]
    public void A_listener_that_closes_is_gone_and_goes_on_from_its_count_when_it_is_back()
    {
        Drops(Listener(cookie: 1, drops: 3)).ShouldBe("3");

        Drops(Listener(port: 81)).ShouldBeNull();
        Drops(Listener(cookie: 9, drops: 1)).ShouldBe("4");
    }

    [Fact]
    public void A_listener_that_one_dump_missed_is_not_counted_twice()
    {
        Drops(Listener(cookie: 1, drops: 1000)).ShouldBe("1000");

        Drops().ShouldBeNull();
        Drops(Listener(cookie: 1, drops: 1001)).ShouldBe("1001");
    }

    [Fact]
    public void The_kernels_counter_has_32_bits_and_ours_goes_on()
    {
        Drops(Listener(drops: uint.MaxValue - 1)).ShouldBe("4294967294");

        Drops(Listener(drops: 3)).ShouldBe("4294967299");
    }

    [Fact]
    public void Where_the_kernel_tells_no_drops_their_family_is_left_out()
    {
        MetricsText page = Collect(Listener(port: 80, drops: null));

        page.Of("conn_listener_drops_total").ShouldBeEmpty();
        page.Of("conn_listener_accept_queue").ShouldBe(["self 192.0.2.1 80 0"]);
    }

    [Fact]
    public void The_peak_is_the_longest_queue_of_the_last_minute()
    {
        Collect(Listener(queue: 50));
        bench.Time.Advance(TimeSpan.FromSeconds(30));
        Collect(Listener(queue: 9));
        bench.Time.Advance(TimeSpan.FromSeconds(20));
        Collect(Listener(queue: 1))["conn_listener_accept_queue_peak", "self", "192.0.2.1", "80"].ShouldBe("50");

        bench.Time.Advance(TimeSpan.FromSeconds(20));
        Collect(Listener(queue: 2))["conn_listener_accept_queue_peak", "self", "192.0.2.1", "80"].ShouldBe("9");
    }

    [Fact]
    public void At_most_128_are_shown_the_fullest_first_then_those_with_most_drops()
    {
        byte[][] idle = [.. Enumerable.Range(1, 200).Select(i => Listener(port: (ushort)i, cookie: (ulong)i, drops: (uint)i))];

        MetricsText page = Collect([.. idle, Listener(port: 9999, cookie: 9999, queue: 1)]);

        page.Of("conn_listener_accept_queue").Count().ShouldBe(128);
        page["conn_listener_accept_queue", "self", "192.0.2.1", "9999"].ShouldBe("1");
        page["conn_listener_accept_queue", "self", "192.0.2.1", "74"].ShouldBe("0");
        page["conn_listener_accept_queue", "self", "192.0.2.1", "73"].ShouldBeNull();
        bench.Context.Dropped["conn_listener_accept_queue"].ShouldBe(73ul);
    }

    [Fact]
    public void Below_the_bound_nothing_is_dropped_and_the_count_says_so()
    {
        Collect([.. Enumerable.Range(1, 128).Select(i => Listener(port: (ushort)i, cookie: (ulong)i))]).Of("conn_listener_accept_queue").Count().ShouldBe(128);

        bench.Context.Dropped["conn_listener_accept_queue"].ShouldBe(0ul);
    }

    [Fact]
    public void Half_a_dump_is_thrown_away_and_the_next_one_goes_over_a_new_socket()
    {
        Collect(Listener(port: 80, drops: 3), Listener(port: 81, cookie: 2, drops: 1));
        bench.SockDiag.BreakAfter(Listener(port: 80, drops: 100));

        bench.Fail().Reason.ShouldBe("protocol");

        MetricsText page = Collect(Listener(port: 80, drops: 4), Listener(port: 81, cookie: 2, drops: 1));
        page["conn_listener_drops_total", "self", "192.0.2.1", "80"].ShouldBe("4");
        page["conn_listener_drops_total", "self", "192.0.2.1", "81"].ShouldBe("1");
        bench.SockDiag.Opened.ShouldBe(2);
    }

    [Fact]
    public void Listeners_that_come_and_go_by_the_thousand_leave_little_behind()
    {
        for (int round = 0; round < 40; round++)
        {
            Collect([.. Enumerable.Range(0, 100).Select(i => Listener(port: (ushort)((round * 100) + i + 1), cookie: (ulong)((round * 100) + i + 1), drops: 1))]);
        }

        // The oldest are forgotten: its drops begin anew.
        Drops(Listener(port: 80, cookie: 10_000, drops: 5)).ShouldBe("5");
    }

    private static byte[] Listener(ushort port = 80, string address = "192.0.2.1", ulong cookie = 1, uint queue = 0, uint limit = 128, uint? drops = 0, uint device = 0)
    {
        byte[][] memory = drops is { } count ? [Netlink.Attribute(7, Netlink.Int32(0, 0, 0, 0, 0, 0, 0, 0, unchecked((int)count)))] : [];
        return Netlink.Record(
            state: (byte)TcpState.Listen, local: address, localPort: port, remote: address, cookie: cookie, receiveQueue: queue, sendQueue: limit, device: device,
            attributes: [.. memory, Netlink.Attribute(8, 0)]);
    }

    private MetricsText Collect(params byte[][] listeners)
    {
        bench.SockDiag.Dump(listeners);
        return bench.Collect();
    }

    private string? Drops(params byte[][] listeners) => Collect(listeners)["conn_listener_drops_total", "self", "192.0.2.1", "80"];
}
