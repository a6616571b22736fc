using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class SockStatCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public SockStatCollectorTests()
    {
        bench.Write("net/sockstat", "sockets: used 9\nTCP: inuse 5 orphan 6 tw 7 alloc 8 mem 9\n");
        bench.Use(kernel => new SockStatCollector(kernel));
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Counts_stand_beside_their_limits_in_base_units()
    {
        bench.Write("sys/net/ipv4/tcp_mem", "100\t200\t300\n");
        bench.Write("sys/net/ipv4/tcp_max_orphans", "65536\n");
        bench.Write("sys/net/ipv4/tcp_max_tw_buckets", "32768\n");

        MetricsText page = bench.Collect();

        page["conn_tcp_orphaned_sockets"].ShouldBe("6");
        page["conn_tcp_orphaned_sockets_limit"].ShouldBe("65536");
        page["conn_tcp_memory_bytes"].ShouldBe($"{9 * SystemClock.PageSize}");
        page["conn_tcp_memory_pressure_bytes"].ShouldBe($"{200 * SystemClock.PageSize}");
        page["conn_tcp_memory_limit_bytes"].ShouldBe($"{300 * SystemClock.PageSize}");
        page["conn_tcp_time_wait_limit", "self"].ShouldBe("32768");
    }

    [Fact]
    public void Limits_that_this_namespace_does_not_show_are_left_out() =>
        bench.Collect().Series.Select(series => series.Name).ShouldBe(["conn_tcp_orphaned_sockets", "conn_tcp_memory_bytes"]);

    [Theory]
    [InlineData("net/sockstat", "TCP: inuse 5\n")]
    [InlineData("sys/net/ipv4/tcp_mem", "1 2\n")]
    [InlineData("sys/net/ipv4/tcp_max_orphans", "many\n")]
    [InlineData("sys/net/ipv4/tcp_max_tw_buckets", "\n")]
    public void A_file_that_holds_something_else_is_refused(string file, string content)
    {
        bench.Write(file, content);

        bench.Fail().Message.ShouldContain(file);
    }
}
