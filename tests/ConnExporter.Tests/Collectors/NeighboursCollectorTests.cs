using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class NeighboursCollectorTests : IDisposable
{
    private const string Header = "entries  forced_gc_runs table_fulls\n";
    private readonly CollectorBench bench = new();

    public NeighboursCollectorTests() => bench.Use(kernel => new NeighboursCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Both_families_have_entries_limits_and_counters()
    {
        bench.Write("net/stat/arp_cache", Header + "0000001f 00000002 00000010\n");
        bench.Write("net/stat/ndisc_cache", Header + "00000003 00000000 00000000\n");
        bench.Write("sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");
        bench.Write("sys/net/ipv6/neigh/default/gc_thresh3", "2048\n");

        MetricsText page = bench.Collect();

        page["conn_neighbour_entries", "ipv4"].ShouldBe("31");
        page["conn_neighbour_entries", "ipv6"].ShouldBe("3");
        page["conn_neighbour_entries_limit", "ipv4"].ShouldBe("1024");
        page["conn_neighbour_entries_limit", "ipv6"].ShouldBe("2048");
        page["conn_neighbour_table_full_total", "ipv4"].ShouldBe("16");
        page["conn_neighbour_forced_gc_total", "ipv4"].ShouldBe("2");
    }

    [Fact]
    public void Without_IPv6_there_is_one_table()
    {
        bench.Write("net/stat/arp_cache", Header + "0000001f 00000002 00000010\n");

        MetricsText page = bench.Collect();

        page["conn_neighbour_entries", "ipv4"].ShouldBe("31");
        page["conn_neighbour_entries", "ipv6"].ShouldBeNull();
        page["conn_neighbour_entries_limit", "ipv4"].ShouldBeNull();
    }

    [Fact]
    public void In_another_network_namespace_they_are_absent_and_not_0() => bench.Fail().Kind.ShouldBe(FailureKind.Absent);

    [Fact]
    public void One_that_is_broken_beside_none_is_broken_and_not_absent()
    {
        bench.Write("net/stat/arp_cache", "?\n");
        bench.Write("sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");

        bench.Fail().Kind.ShouldBe(FailureKind.Broken);
    }

    [Fact]
    public void One_that_is_broken_does_not_take_the_other()
    {
        bench.Write("net/stat/arp_cache", "?\n");
        bench.Write("net/stat/ndisc_cache", Header + "00000003 00000000 00000000\n");

        bench.Collect()["conn_neighbour_entries", "ipv6"].ShouldBe("3");
    }
}
