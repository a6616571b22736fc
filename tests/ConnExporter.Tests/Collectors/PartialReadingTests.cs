using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

/// <summary>Of several sources of one collector the one that cannot be read takes its own series with it, no others, and is named.</summary>
public sealed class PartialReadingTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Without_netstat_there_are_the_counters_of_snmp()
    {
        bench.Use(kernel => new CountersCollector(kernel));
        bench.Write("net/snmp", "Tcp: ActiveOpens\nTcp: 5\n");
        bench.Write("net/netstat", "TcpExt: TW TCPTimeouts\n");

        (MetricsText page, KernelReadException missing) = bench.CollectPart();

        page["conn_tcp_active_opens_total", "self"].ShouldBe("5");
        page.Series.ShouldHaveSingleItem("nothing is 0 that was not read");
        missing.Message.ShouldContain("net/netstat");
    }

    [Fact]
    public void Without_snmp_there_are_the_counters_of_netstat()
    {
        bench.Use(kernel => new CountersCollector(kernel));
        bench.Obstruct("net/snmp");
        bench.Write("net/netstat", "TcpExt: TW\nTcpExt: 7\n");

        (MetricsText page, KernelReadException missing) = bench.CollectPart();

        page["conn_tcp_time_wait_total", "self"].ShouldBe("7");
        page.Series.ShouldHaveSingleItem();
        missing.Message.ShouldContain("net/snmp");
    }

    [Fact]
    public void Without_either_there_is_no_reading()
    {
        bench.Use(kernel => new CountersCollector(kernel));
        bench.Obstruct("net/snmp");
        bench.Obstruct("net/netstat");

        Should.Throw<KernelReadException>(bench.Collect).Message.ShouldContain("net/snmp");
    }

    [Theory]
    [InlineData("net/sockstat", "conn_tcp_orphaned_sockets conn_tcp_memory_bytes")]
    [InlineData("sys/net/ipv4/tcp_mem", "conn_tcp_memory_pressure_bytes conn_tcp_memory_limit_bytes")]
    [InlineData("sys/net/ipv4/tcp_max_orphans", "conn_tcp_orphaned_sockets_limit")]
    [InlineData("sys/net/ipv4/tcp_max_tw_buckets", "conn_tcp_time_wait_limit")]
    public void Each_source_of_sockstat_takes_its_own_series(string broken, string series)
    {
        bench.Use(kernel => new SockStatCollector(kernel));
        bench.Copy("linux-6.18", "net/sockstat", "sys/net/ipv4/tcp_mem", "sys/net/ipv4/tcp_max_orphans", "sys/net/ipv4/tcp_max_tw_buckets");
        LosesOnly(broken, series);
    }

    [Theory]
    [InlineData("sys/net/netfilter/nf_conntrack_count", "conn_conntrack_entries")]
    [InlineData("sys/net/netfilter/nf_conntrack_max", "conn_conntrack_entries_limit")]
    [InlineData("sys/net/netfilter/nf_conntrack_buckets", "conn_conntrack_buckets")]
    public void Each_source_of_conntrack_takes_its_own_series(string broken, string series)
    {
        bench.Use(kernel => new ConntrackCollector(kernel));
        bench.Write("sys/net/netfilter/nf_conntrack_count", "5\n");
        bench.Write("sys/net/netfilter/nf_conntrack_max", "100\n");
        bench.Write("sys/net/netfilter/nf_conntrack_buckets", "16\n");
        LosesOnly(broken, series);
    }

    [Theory]
    [InlineData("sys/fs/file-nr", "conn_file_descriptors conn_file_descriptors_limit")]
    [InlineData("sys/fs/nr_open", "conn_file_descriptors_process_limit")]
    public void Each_source_of_descriptors_takes_its_own_series(string broken, string series)
    {
        bench.Use(kernel => new DescriptorsCollector(kernel));
        bench.Write("sys/fs/file-nr", "1984\t0\t5000\n");
        bench.Write("sys/fs/nr_open", "1048576\n");
        LosesOnly(broken, series);
    }

    // How many are usable follows from both.
    [Fact]
    public void Without_the_reserved_ports_there_is_the_range()
    {
        bench.Use(kernel => new PortsCollector(kernel));
        bench.Write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
        bench.Write("sys/net/ipv4/ip_local_reserved_ports", "\n");
        LosesOnly("sys/net/ipv4/ip_local_reserved_ports", "conn_ephemeral_ports_reserved conn_ephemeral_ports_usable");
    }

    [Fact]
    public void One_sysctl_that_cannot_be_read_takes_no_other()
    {
        bench.Use(kernel => new SettingsCollector(kernel, bench.Proc));
        bench.Write("sys/net/core/somaxconn", "many\n");
        bench.Write("sys/net/ipv4/tcp_max_syn_backlog", "256\n");

        (MetricsText page, KernelReadException missing) = bench.CollectPart();

        page["conn_sysctl", "net.ipv4.tcp_max_syn_backlog", "self"].ShouldBe("256");
        page.Series.ShouldHaveSingleItem();
        missing.Message.ShouldContain("somaxconn");
    }

    private void LosesOnly(string broken, string series)
    {
        string[] before = [.. bench.Collect().Series.Select(one => one.Name)];
        bench.Context.TakeMissing().ShouldBeNull();
        bench.Write(broken, "\0\0\0\n");

        (MetricsText page, KernelReadException missing) = bench.CollectPart();

        page.Series.Select(one => one.Name).ShouldBe(before.Except(series.Split(' ')));
        series.Split(' ').ShouldBeSubsetOf(before);
        missing.Message.ShouldContain(broken);
    }
}
