using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class ConntrackCollectorTests : IDisposable
{
    private const string Sysctls = "sys/net/netfilter/nf_conntrack_";
    private readonly CollectorBench bench = new();

    public ConntrackCollectorTests() => bench.Use(kernel => new ConntrackCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Entries_limit_and_buckets_are_read_from_sysctls()
    {
        bench.Write(Sysctls + "count", "812\n");
        bench.Write(Sysctls + "max", "262144\n");
        bench.Write(Sysctls + "buckets", "65536\n");

        MetricsText page = bench.Collect();

        page["conn_conntrack_entries", "self"].ShouldBe("812");
        page["conn_conntrack_entries_limit"].ShouldBe("262144");
        page["conn_conntrack_buckets"].ShouldBe("65536");
    }

    [Fact]
    public void Without_the_module_it_is_absent_and_not_0()
    {
        bench.Write("sys/net/core/somaxconn", "4096\n");
        bench.Fail().Kind.ShouldBe(FailureKind.Absent);
    }

    [Fact]
    public void Where_sysctls_are_hidden_its_absence_is_not_known()
    {
        KernelReadException hidden = bench.Fail();

        hidden.Kind.ShouldBe(FailureKind.Denied);
        hidden.Message.ShouldContain("sys/net/core");
    }

    [Fact]
    public void Where_the_count_is_hidden_the_statistics_have_it()
    {
        bench.Write("net/stat/nf_conntrack", "entries  insert_failed drop\n0000071e  00000000 00000001\n0000071e  00000000 00000002\n");

        MetricsText page = bench.Collect();

        page["conn_conntrack_entries", "self"].ShouldBe("1822");
        page["conn_conntrack_drops_total", "self"].ShouldBe("3");
    }

    [Fact]
    public void The_table_is_read_for_NAT_only_while_insertions_fail_and_not_often()
    {
        bench.Write(Sysctls + "count", "812\n");
        string table = string.Concat(Enumerable.Range(0, 10).Select(i =>
            $"ipv4     2 tcp      6 431999 ESTABLISHED src=10.1.0.{i} dst=10.0.0.9 sport=4{i}000 dport=443 src=10.0.0.9 dst=10.0.0.1 sport=443 dport={20000 + i} [ASSURED] mark=0 use=2\n"));
        bench.Write("net/nf_conntrack", table);
        Nat(failed: 5).ShouldBeNull("what failed before is not known to fail now");
        NatPorts first = Nat(failed: 6).ShouldNotBeNull();
        first.IsExhausted.ShouldBeTrue();
        first.Worst!.Taken.ShouldBe(10);

        bench.Remove("net/nf_conntrack");
        Nat(failed: 7).ShouldBeSameAs(first);
        bench.Time.Advance(TimeSpan.FromSeconds(20));
        Nat(failed: 8).ShouldBeNull();
        bench.TakeNotes().ShouldContain(note => note.Contains("NAT", StringComparison.Ordinal));

        NatPorts? Nat(int failed)
        {
            bench.Write("net/stat/nf_conntrack", $"entries  insert_failed drop\n0000000a  {failed:x8} 00000001\n");
            return ((ConntrackReading)bench.Sample()).Nat;
        }
    }

    [Fact]
    public void A_limit_of_0_is_no_limit_and_left_out()
    {
        bench.Write(Sysctls + "count", "812\n");
        bench.Write(Sysctls + "max", "0\n");

        MetricsText page = bench.Collect();

        page["conn_conntrack_entries", "self"].ShouldBe("812");
        page["conn_conntrack_entries_limit"].ShouldBeNull();
    }

    [Fact]
    public void Where_the_namespace_does_not_show_the_buckets_the_modules_parameter_does()
    {
        bench.Write(Sysctls + "count", "1\n");
        bench.WriteSys("module/nf_conntrack/parameters/hashsize", "16384\n");

        bench.Collect()["conn_conntrack_buckets"].ShouldBe("16384");
    }

    [Fact]
    public void Counters_are_sums_over_the_processors()
    {
        bench.Write(Sysctls + "count", "1\n");
        bench.Write("net/stat/nf_conntrack", "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
            + "00000001  00000001 00000000 00000000 00000002 00000000 00000000 00000003 00000000 00000004 00000005 00000006 00000000  00000000 00000000 00000000 00000007\n"
            + "00000001  00000010 00000000 00000000 00000020 00000000 00000000 00000030 00000000 00000040 00000050 00000060 00000000  00000000 00000000 00000000 ffffffff\n");

        MetricsText page = bench.Collect();

        page["conn_conntrack_clash_resolved_total", "self"].ShouldBe("17");
        page["conn_conntrack_invalid_total", "self"].ShouldBe("34");
        page["conn_conntrack_chain_too_long_total", "self"].ShouldBe("51");
        page["conn_conntrack_insert_failed_total", "self"].ShouldBe("68");
        page["conn_conntrack_drops_total", "self"].ShouldBe("85");
        page["conn_conntrack_early_drops_total", "self"].ShouldBe("102");
        page["conn_conntrack_search_restarts_total", "self"].ShouldBe("4294967302");
    }

    [Fact]
    public void A_kernel_without_the_columns_has_no_count_of_them_and_not_0()
    {
        bench.Write(Sysctls + "count", "1\n");
        bench.Write("net/stat/nf_conntrack", "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
            + "00000001  00000000 00000000 00000000 00000002 00000000 00000000 00000000 00000000 00000004 00000005 00000006 00000000  00000000 00000000 00000000 00000007\n");

        ConntrackStatistics? statistics = ((ConntrackReading)bench.Sample()).Statistics;
        statistics!.Value.ChainsTooLong.ShouldBeNull();
        statistics.Value.ClashesResolved.ShouldBeNull();
        MetricsText page = bench.Collect();
        page["conn_conntrack_insert_failed_total", "self"].ShouldBe("4");
        page.Of("conn_conntrack_chain_too_long_total").ShouldBeEmpty();
        page.Of("conn_conntrack_clash_resolved_total").ShouldBeEmpty();
    }

    [Fact]
    public void A_kernel_without_the_statistics_file_gives_the_rest()
    {
        bench.Write(Sysctls + "count", "5\n");

        bench.Collect().Series.Select(series => $"{series.Name} {series.Value}").ShouldBe(["conn_conntrack_entries 5"]);
    }

    [Theory]
    [InlineData(Sysctls + "count", "x\n")]
    [InlineData(Sysctls + "max", "-1\n")]
    [InlineData("net/stat/nf_conntrack", "entries drop\n1\n")]
    public void A_file_that_holds_something_else_is_refused(string file, string content)
    {
        bench.Write(Sysctls + "count", "5\n");
        bench.Write(file, content);

        bench.Fail().Message.ShouldContain(file);
    }
}
