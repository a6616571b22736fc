using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class CountersCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public CountersCollectorTests() => bench.Use(kernel => new CountersCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Counters_are_passed_on_as_the_kernel_has_them()
    {
        Snmp("ActiveOpens PassiveOpens", "12 18446744073709551615");
        Netstat("ListenOverflows TCPAbortOnData", "3 4");

        MetricsText page = bench.Collect();

        page["conn_tcp_active_opens_total", "self"].ShouldBe("12");
        page["conn_tcp_passive_opens_total", "self"].ShouldBe("1.8446744073709552e+19");
        page["conn_tcp_listen_overflows_total", "self"].ShouldBe("3");
        page["conn_tcp_aborts_total", "self", "data"].ShouldBe("4");
    }

    [Fact]
    public void A_counter_that_starts_over_is_passed_on()
    {
        Netstat("ListenDrops", "9");
        Snmp("ActiveOpens", "9");
        bench.Collect();

        Netstat("ListenDrops", "2");

        bench.Collect()["conn_tcp_listen_drops_total", "self"].ShouldBe("2");
    }

    [Fact]
    public void What_this_kernel_does_not_count_is_left_out()
    {
        Snmp("ActiveOpens Unknown", "1 2");
        Netstat("TW SomethingNew", "5 6");

        MetricsText page = bench.Collect();

        page.Series.Select(series => series.Name).ShouldBe(["conn_tcp_active_opens_total", "conn_tcp_time_wait_total"]);
    }

    [Fact]
    public void A_value_that_is_no_number_is_left_out_and_counted_and_the_others_are_read()
    {
        Snmp("ActiveOpens PassiveOpens", "-1 8");
        Netstat("TW ListenDrops TCPTimeouts", "18446744073709551616 N/A 3");

        MetricsText page = bench.Collect();

        page.Series.Select(series => $"{series.Name} {series.Value}").ShouldBe(["conn_tcp_passive_opens_total 8", "conn_tcp_timeouts_total 3"]);
        bench.Context.TakeRejected().ShouldBe(3ul);
    }

    [Theory]
    [InlineData("net/snmp")]
    [InlineData("net/netstat")]
    public void A_file_that_is_no_table_is_refused(string file)
    {
        Snmp("ActiveOpens", "1");
        Netstat("TW", "1");
        bench.Write(file, "\0\0\0\n");

        bench.Fail().Reason.ShouldBe("parse");
    }

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void Every_known_kernel_has_every_counter(string vintage)
    {
        bench.Copy(vintage, "net/snmp", "net/netstat");

        bench.Collect().Series.Count.ShouldBe(CountersReading.Tcp.Length + CountersReading.TcpExt.Length);
    }

    [Fact]
    public void No_column_is_asked_for_twice()
    {
        CountersReading.Tcp.ShouldBeUnique();
        CountersReading.TcpExt.ShouldBeUnique();
    }

    private void Snmp(string names, string values) => bench.Write("net/snmp", $"Ip: A\nIp: 1\nTcp: {names}\nTcp: {values}\n");

    private void Netstat(string names, string values) => bench.Write("net/netstat", $"TcpExt: {names}\nTcpExt: {values}\nIpExt: B\nIpExt: 2\n");
}
