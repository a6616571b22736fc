using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class UdpCollectorTests : IDisposable
{
    private const byte Connected = 1;
    private const byte Unconnected = 7;
    private const string Snmp = "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\nUdp: 10 1 9 20 4 2 3 0 5\n";
    private const string Snmp6 = "Ip6InReceives  \t7\nUdp6InDatagrams \t11\nUdp6NoPorts \t0\nUdp6InErrors \t0\nUdp6OutDatagrams \t21\nUdp6RcvbufErrors \t6\nUdp6SndbufErrors \t0\nUdp6InCsumErrors \t0\n";
    private static readonly CensusOptions Options = new(Top: 5, Destinations: 5, Keys: 100, FoldV4: 32, FoldV6: 128, IdleAges: false);
    private readonly CollectorBench bench = new();

    public UdpCollectorTests()
    {
        bench.Write("sys/net/ipv4/ip_local_port_range", "20000\t20009\n");
        bench.Write("sys/net/ipv4/ip_local_reserved_ports", "20009\n");
        bench.Write("net/snmp", Snmp);
        bench.Write("net/snmp6", Snmp6);
        bench.Write("net/sockstat", "UDP: inuse 3 mem 7\n");
        bench.Write("sys/net/ipv4/udp_mem", "100\t200\t300\n");
        bench.Use(kernel => new UdpCollector(kernel, Options, names: false));
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Sockets_count_by_family_and_state_and_by_destination()
    {
        bench.SockDiag.DumpByFamily(Socket(20000, Connected, "127.0.0.1", "192.0.2.53", 53), Socket(20001, Connected, "127.0.0.1", "192.0.2.53", 53), Socket(53, Unconnected, "0.0.0.0"));
        bench.SockDiag.DumpByFamily(Socket(20002, Connected, "2001:db8::1", "2001:db8::53", 53));

        MetricsText page = bench.Collect();

        page["conn_udp_sockets", "self", "ipv4", "connected"].ShouldBe("2");
        page["conn_udp_sockets", "self", "ipv4", "unconnected"].ShouldBe("1");
        page["conn_udp_sockets", "self", "ipv6", "connected"].ShouldBe("1");
        page["conn_udp_sockets", "self", "ipv6", "unconnected"].ShouldBe("0");
        page["conn_udp_destination_sockets", "self", "192.0.2.53", "53"].ShouldBe("2");
        page["conn_udp_destination_sockets", "self", "2001:db8::53", "53"].ShouldBe("1");
    }

    // As the kernel was seen to hand out and refuse ports (UdpTests of the kernel tests hold it against bind() and connect()).
    [Theory]
    [InlineData("10.0.0.1", Unconnected, false, "0.0.0.0=1 10.0.0.1=1")]
    [InlineData("0.0.0.0", Unconnected, false, "0.0.0.0=1")]
    [InlineData("::", Unconnected, false, "0.0.0.0=1 ::=1")]
    [InlineData("::", Unconnected, true, "0.0.0.0=0 ::=1")]
    [InlineData("2001:db8::1", Unconnected, true, "0.0.0.0=0 ::=1 2001:db8::1=1")]
    [InlineData("2001:db8::1", Connected, false, "0.0.0.0=0 ::=1 2001:db8::1=1")]
    public void A_port_is_taken_from_its_address_and_from_those_that_choose_none(string address, byte state, bool only, string expected)
    {
        byte[] socket = Socket(20000, state, address, v6Only: only);
        bench.SockDiag.DumpByFamily(address.Contains(':', StringComparison.Ordinal) ? [] : [socket]);
        bench.SockDiag.DumpByFamily(address.Contains(':', StringComparison.Ordinal) ? [socket] : []);

        string.Join(' ', ((UdpReading)bench.Sample()).Ports.Select(row => $"{row.Address}={row.InUse}")).ShouldBe(expected);
    }

    [Fact]
    public void Whether_a_connected_socket_of_IPv6_takes_its_port_from_IPv4_is_not_told()
    {
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily(Socket(20000, Connected, "2001:db8::1", "2001:db8::53", 53));

        var reading = (UdpReading)bench.Sample();

        (reading.Ports[0].InUse, reading.Ports[0].Possible).ShouldBe((0, 1));
    }

    [Fact]
    public void Ports_that_are_shared_reserved_or_outside_the_range_take_none()
    {
        bench.SockDiag.DumpByFamily(Socket(20000, Unconnected, "0.0.0.0"), Socket(20000, Unconnected, "0.0.0.0"), Socket(20009, Unconnected, "0.0.0.0"), Socket(5353, Unconnected, "0.0.0.0"));
        bench.SockDiag.DumpByFamily();

        var reading = (UdpReading)bench.Sample();

        (reading.Ports.Single().InUse, reading.Usable).ShouldBe((1, 9));
    }

    [Fact]
    public void What_is_bound_to_an_address_without_a_place_is_counted_as_left_out()
    {
        bench.SockDiag.DumpByFamily(Enumerable.Range(0, 100).Select(i => Socket(20000, Unconnected, $"10.0.0.{i}")));
        bench.SockDiag.DumpByFamily();

        var reading = (UdpReading)bench.Sample();

        reading.Ports.Length.ShouldBe(UdpCollector.Shown);
        bench.Context.Dropped["conn_udp_ports_in_use"].ShouldBe(100ul - UdpCollector.Shown + 1);
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily();
        ((UdpReading)bench.Sample()).Ports.Single().InUse.ShouldBe(0, "of the walk before nothing is left");
    }

    [Fact]
    public void Drops_and_buffers_are_told_of_sockets_that_have_something_to_tell()
    {
        bench.SockDiag.DumpByFamily(Socket(53, Unconnected, "0.0.0.0", drops: 0, queue: 100, buffer: 212_992), Socket(514, Unconnected, "0.0.0.0", drops: 7, queue: 212_992, buffer: 212_992), Socket(8125, Unconnected, "0.0.0.0", drops: 0, queue: 200_000, buffer: 212_992));
        bench.SockDiag.DumpByFamily();
        MetricsText page = bench.Collect();
        bench.SockDiag.DumpByFamily(Socket(514, Unconnected, "0.0.0.0", drops: 9, buffer: 212_992));
        bench.SockDiag.DumpByFamily();
        MetricsText later = bench.Collect();

        page["conn_udp_socket_drops_total", "self", "0.0.0.0", "53"].ShouldBeNull();
        page["conn_udp_socket_drops_total", "self", "0.0.0.0", "514"].ShouldBe("7");
        page["conn_udp_socket_drops_total", "self", "0.0.0.0", "8125"].ShouldBe("0");
        page["conn_udp_receive_queue_bytes", "self", "0.0.0.0", "514"].ShouldBe("212992");
        page["conn_udp_receive_queue_limit_bytes", "self", "0.0.0.0", "514"].ShouldBe("212992");
        later["conn_udp_socket_drops_total", "self", "0.0.0.0", "514"].ShouldBe("9");
        later["conn_udp_receive_queue_bytes", "self", "0.0.0.0", "514"].ShouldBe("0");
    }

    [Fact]
    public void Counters_are_the_kernels_and_what_it_has_not_is_left_out()
    {
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily();

        MetricsText page = bench.Collect();

        page["conn_udp_datagrams_total", "self", "ipv4", "received"].ShouldBe("10");
        page["conn_udp_datagrams_total", "self", "ipv6", "sent"].ShouldBe("21");
        page["conn_udp_errors_total", "self", "ipv4", "no_socket"].ShouldBe("1");
        page["conn_udp_errors_total", "self", "ipv4", "receive_buffer"].ShouldBe("4");
        page["conn_udp_errors_total", "self", "ipv4", "send_buffer"].ShouldBe("2");
        page["conn_udp_errors_total", "self", "ipv4", "checksum"].ShouldBe("3");
        page["conn_udp_errors_total", "self", "ipv4", "memory"].ShouldBe("5");
        page["conn_udp_errors_total", "self", "ipv6", "receive_buffer"].ShouldBe("6");
        page["conn_udp_errors_total", "self", "ipv6", "memory"].ShouldBeNull();
        page["conn_udp_memory_bytes"].ShouldBe($"{7 * Environment.SystemPageSize}");
        page["conn_udp_memory_limit_bytes"].ShouldBe($"{300 * Environment.SystemPageSize}");
    }

    [Fact]
    public void Without_IPv6_there_are_IPv4s_counters_alone()
    {
        bench.Remove("net/snmp6");
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily();

        MetricsText page = bench.Collect();

        bench.Context.TakeMissing().ShouldBeNull();
        page["conn_udp_errors_total", "self", "ipv6", "receive_buffer"].ShouldBeNull();
        page["conn_udp_errors_total", "self", "ipv4", "receive_buffer"].ShouldBe("4");
    }

    [Fact]
    public void Counters_that_cannot_be_read_take_nothing_else()
    {
        bench.Write("net/snmp", "Udp: InDatagrams\n");
        bench.SockDiag.DumpByFamily();
        bench.SockDiag.DumpByFamily();

        (MetricsText page, KernelReadException missing) = bench.CollectPart();

        missing.Kind.ShouldBe(FailureKind.Broken);
        page["conn_udp_sockets", "self", "ipv4", "connected"].ShouldBe("0");
        page["conn_udp_errors_total", "self", "ipv4", "receive_buffer"].ShouldBeNull();
        page["conn_udp_errors_total", "self", "ipv6", "receive_buffer"].ShouldBe("6");
    }

    [Fact]
    public void Without_udp_diag_the_tables_are_read_and_it_is_said()
    {
        const string Header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";
        bench.SockDiag.RefuseByFamily(Netlink.Done, 2);
        bench.Write("net/udp", Header + "  1: 0100007F:4E20 0200007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 99 2 0 0\n  2: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 98 2 0 0\n");

        MetricsText page = bench.Collect();

        page["conn_udp_sockets", "self", "ipv4", "connected"].ShouldBe("1");
        page["conn_udp_sockets", "self", "ipv4", "unconnected"].ShouldBe("1");
        page["conn_udp_ports_in_use", "self", "127.0.0.1"].ShouldBe("1");
        page["conn_udp_destination_sockets", "self", "127.0.0.2", "53"].ShouldBe("1");
        bench.TakeNotes().Single().ShouldContain("inet_diag or udp_diag is missing");
    }

    [Fact]
    public void With_neither_there_is_no_reading()
    {
        bench.SockDiag.RefuseByFamily(Netlink.Done, 2);

        bench.Fail().Kind.ShouldBe(FailureKind.Absent);
    }

    [Fact]
    public void Without_what_is_reserved_ports_are_counted_and_no_limit_is_told()
    {
        bench.Remove("sys/net/ipv4/ip_local_reserved_ports");
        bench.SockDiag.DumpByFamily(Socket(20000, Unconnected, "0.0.0.0"));
        bench.SockDiag.DumpByFamily();

        var reading = (UdpReading)bench.Sample();

        bench.Context.TakeMissing().ShouldNotBeNull();
        (reading.Usable, reading.Ports.Single().InUse).ShouldBe((null, 1));
    }

    private static byte[] Socket(ushort port, byte state, string local, string remote = "192.0.2.9", ushort remotePort = 9, bool v6Only = false, int? drops = null, uint queue = 0, int buffer = 0) => Netlink.Record(
        state,
        local,
        port,
        local.Contains(':', StringComparison.Ordinal) && !remote.Contains(':', StringComparison.Ordinal) ? "2001:db8::9" : remote,
        remotePort,
        cookie: port,
        receiveQueue: queue,
        attributes:
        [
            .. state == Unconnected ? [Netlink.Attribute(11, v6Only ? (byte)1 : (byte)0)] : Array.Empty<byte[]>(),
            .. drops is { } count ? [Netlink.Attribute(7, Netlink.Int32(0, buffer, 0, 0, 0, 0, 0, 0, count))] : Array.Empty<byte[]>(),
        ]);
}
