using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class NamespacesCollectorTests : IDisposable
{
    private const string TableHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    private static readonly string[] Counted = ["seen", "read", "denied"];
    private static readonly byte[] CloseWait = [.. Netlink.Record(state: (byte)TcpState.CloseWait), .. Netlink.Attribute(8, 0)];

    private readonly CollectorBench bench = new();
    private readonly NamespaceTree tree;
    private readonly List<(string Name, string Place)> mounts = [];

    public NamespacesCollectorTests()
    {
        tree = new NamespaceTree(bench);
        Use(NamespaceScope.Auto);
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public void One_without_sockets_shows_all_states_at_0_and_is_not_walked()
    {
        Named("quiet");

        MetricsText page = bench.Collect();

        page.Of("conn_tcp_sockets").Count(row => row.StartsWith("quiet ", StringComparison.Ordinal) && row.EndsWith(" 0", StringComparison.Ordinal)).ShouldBe(12);
        page["conn_tcp_listen_overflows_total", "quiet"].ShouldBe("0");
        bench.SockDiag.AskedStates.ShouldBeEmpty();
        Counts(page).ShouldBe(["1", "1", "0"]);
    }

    [Fact]
    public void One_with_sockets_is_read_as_our_own_is_without_what_is_the_hosts()
    {
        Named("busy", sockets: 40, timeWait: 3);
        bench.Write("sys/net/ipv4/ip_local_port_range", "100\t199\n");
        bench.Write("sys/net/ipv4/ip_local_reserved_ports", "\n");
        bench.Write("sys/net/ipv4/tcp_max_tw_buckets", "77\n");
        bench.Write("sys/net/ipv4/tcp_mem", "1\t2\t3\n");
        bench.Write("sys/net/netfilter/nf_conntrack_count", "5\n");
        bench.Write("sys/net/netfilter/nf_conntrack_max", "6\n");
        bench.SockDiag.Dump();
        bench.SockDiag.Dump([CloseWait, .. Enumerable.Repeat(Socket(TcpState.Established), 39), .. Enumerable.Repeat(Socket(TcpState.TimeWait), 3)]);
        bench.SockDiag.Dump(CloseWait);

        MetricsText page = bench.Collect();

        page["conn_tcp_sockets", "busy", "established"].ShouldBe("39");
        page["conn_tcp_sockets", "busy", "close_wait"].ShouldBe("1");
        page["conn_tcp_sockets", "busy", "time_wait"].ShouldBe("3");
        page["conn_tcp_active_opens_total", "busy"].ShouldBe("1");
        page["conn_ephemeral_ports_usable", "busy"].ShouldBe("100");
        page["conn_tcp_time_wait_limit", "busy"].ShouldBe("77");
        page["conn_conntrack_entries", "busy"].ShouldBe("5");
        page.Series.Where(series => series.Labels.All(label => label.Name != "netns") && !series.Name.StartsWith("conn_namespaces", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public void Nothing_stays_open_between_two_rounds()
    {
        Named("busy", sockets: 40);
        for (int round = 1; round <= 2; round++)
        {
            bench.SockDiag.Dump(CloseWait);
            bench.SockDiag.Dump();
            bench.Collect();

            bench.SockDiag.Opened.ShouldBe(3 * round, "a socket would keep the namespace alive");
        }
    }

    [Fact]
    public void One_that_is_there_and_cannot_be_found_by_its_path_is_missed()
    {
        Named("covered");
        tree.Refusing["covered"] = new KernelReadException(FailureKind.Absent, "absent", "/run/netns/covered: No such file or directory (errno 2)");

        bench.Sample().ShouldBeOfType<NamespacesReading>().Missed.ShouldBe(1);

        bench.TakeNotes().ShouldHaveSingleItem().ShouldBe(
            "covered is there and cannot be entered by its path, so nothing is known of it: /run/netns/covered: No such file or directory (errno 2)");
    }

    [Fact]
    public void With_the_scope_of_the_host_no_other_is_looked_at()
    {
        Use(NamespaceScope.Host);
        Named("other");

        bench.Collect().Series.ShouldBeEmpty();
        tree.Entered.ShouldBeEmpty();
    }

    [Fact]
    public void One_that_may_not_be_entered_shows_what_proc_tells_and_the_log_says_what_is_missing()
    {
        Named("closed", sockets: 2, pid: 30, overflows: 6);
        Deny("closed");
        bench.Write("../spaces/closed/tcp", TableHeader + Line("01") + Line("08"));

        MetricsText page = bench.Collect();

        Counts(page).ShouldBe(["1", "1", "1"]);
        page["conn_tcp_sockets", "closed", "close_wait"].ShouldBe("1");
        page["conn_tcp_sockets_source", "closed", "proc_net_tcp"].ShouldBe("1");
        page["conn_tcp_listen_overflows_total", "closed"].ShouldBe("6");
        bench.TakeNotes().ShouldHaveSingleItem().ShouldContain("CAP_SYS_ADMIN");
        bench.Collect();
        bench.TakeNotes().ShouldBeEmpty("said once");
    }

    [Fact]
    public void One_that_may_not_be_entered_and_has_too_many_sockets_shows_counters_only()
    {
        Named("closed", sockets: NamespacesCollector.TableLimit + 1, pid: 30);
        Deny("closed");

        MetricsText page = bench.Collect();

        page.Of("conn_tcp_sockets").ShouldBeEmpty();
        page["conn_tcp_active_opens_total", "closed"].ShouldBe("1");
    }

    [Fact]
    public void One_without_a_process_that_may_not_be_entered_is_counted_and_no_more()
    {
        Named("closed");
        Deny("closed");

        MetricsText page = bench.Collect();

        Counts(page).ShouldBe(["1", "0", "1"]);
        page.Of("conn_tcp_sockets").ShouldBeEmpty();
    }

    [Fact]
    public void Told_to_read_all_it_is_denied_where_none_can_be_entered_and_goes_on_where_one_can()
    {
        Use(NamespaceScope.All);
        Named("closed", pid: 30);
        Deny("closed");

        KernelReadException denial = bench.Fail();
        denial.Kind.ShouldBe(FailureKind.Denied);
        denial.Message.ShouldContain("CAP_SYS_ADMIN");

        Named("open");
        Counts(bench.Collect()).ShouldBe(["2", "2", "1"]);
    }

    [Fact]
    public void One_that_fails_keeps_its_values_for_two_turns_more()
    {
        Named("shaky");
        bench.Collect()["conn_tcp_listen_overflows_total", "shaky"].ShouldBe("0");
        tree.Refusing["shaky"] = new KernelReadException(FailureKind.Broken, "errno", "no luck");

        bench.Collect()["conn_tcp_listen_overflows_total", "shaky"].ShouldBe("0");
        bench.Collect()["conn_tcp_listen_overflows_total", "shaky"].ShouldBe("0");
        MetricsText page = bench.Collect();

        page["conn_tcp_listen_overflows_total", "shaky"].ShouldBeNull();
        Counts(page).ShouldBe(["1", "0", "0"]);
        bench.TakeNotes().ShouldBe(["shaky: no luck"]);
    }

    [Fact]
    public void One_that_is_gone_is_off_the_page()
    {
        Named("passing");
        bench.Collect();
        tree.Mounts();
        mounts.Clear();

        Counts(bench.Collect()).ShouldBe(["0", "0", "0"]);
    }

    [Fact]
    public void A_round_that_has_taken_its_cpu_time_leaves_the_rest_to_the_next()
    {
        foreach (string name in (string[])["a", "b", "c", "d", "e"])
        {
            Named(name);
        }

        tree.Cost = TimeSpan.FromMilliseconds(100);
        Counts(bench.Collect()).ShouldBe(["5", "3", "0"]);
        bench.Context.TakeSpent().ShouldBe(TimeSpan.FromMilliseconds(300), "it is this collector's");
        Counts(bench.Collect()).ShouldBe(["5", "5", "0"]);

        tree.Entered.Take(5).ShouldBeUnique();
        tree.Entered.Count.ShouldBe(6);
    }

    [Fact]
    public void A_walk_that_takes_all_the_cpu_time_leaves_the_others_to_the_next_rounds_and_all_are_looked_at_in_each()
    {
        for (int i = 1; i <= 3; i++)
        {
            Named($"n{i}", sockets: i);
        }

        tree.Cost = TimeSpan.FromMilliseconds(90);
        PlanWalks(1);
        bench.Collect().Of("conn_tcp_sockets").Select(row => row.Split(' ')[0]).Distinct().ShouldBe(["n3"], "the fullest first");
        tree.Entered.ShouldBe(["n1", "n2", "n3", "n3"], ignoreOrder: true);
    }

    [Fact]
    public void An_empty_one_that_was_empty_is_asked_for_its_count_of_sockets_only()
    {
        for (int i = 0; i <= NamespacesCollector.Shown; i++)
        {
            Named($"n{i}");
        }

        bench.Collect();
        MetricsText page = bench.Collect();
        string hidden = Enumerable.Range(0, NamespacesCollector.Shown + 1).Select(i => $"n{i}").Single(name => page["conn_tcp_listen_overflows_total", name] is null);
        tree.Overflows(hidden, 7);
        bench.Collect()["conn_tcp_listen_overflows_total", hidden].ShouldBeNull("nobody asked");

        tree.Sockets(hidden, 1);
        PlanWalks(1);
        bench.Collect()["conn_tcp_listen_overflows_total", hidden].ShouldBe("7");
    }

    [Fact]
    public void One_in_which_nothing_has_happened_is_not_walked_again_unless_it_is_shown_in_full()
    {
        const int All = NamespacesCollector.ShownInFull + 4;
        for (int i = 1; i <= All; i++)
        {
            Named($"n{i}", sockets: i);
        }

        PlanWalks(All);
        bench.Collect();
        int first = bench.SockDiag.AskedStates.Count;
        PlanWalks(NamespacesCollector.ShownInFull);
        bench.Collect();
        int second = bench.SockDiag.AskedStates.Count - first;
        tree.Overflows("n1", 0);
        tree.Sockets("n2", 3);
        PlanWalks(NamespacesCollector.ShownInFull + 1);
        MetricsText page = bench.Collect();

        first.ShouldBe(2 * All);
        second.ShouldBe(2 * NamespacesCollector.ShownInFull, "listeners and census");
        (bench.SockDiag.AskedStates.Count - first - second).ShouldBe((2 * NamespacesCollector.ShownInFull) + 2, "and the one that has changed");
        page["conn_namespaces", "read"].ShouldBe($"{All}");
    }

    [Fact]
    public void The_fullest_are_shown_in_full_and_the_next_with_states_and_overflows()
    {
        const int All = NamespacesCollector.ShownInFull + 3;
        for (int i = 1; i <= All; i++)
        {
            Named($"n{i}", sockets: i);
            bench.SockDiag.Dump();
            bench.SockDiag.Dump();
        }

        MetricsText page = bench.Collect();

        page.Of("conn_tcp_active_opens_total").Select(row => row.Split(' ')[0]).Order().ShouldBe(Enumerable.Range(4, NamespacesCollector.ShownInFull).Select(i => $"n{i}").Order());
        page.Of("conn_tcp_listen_overflows_total").Count().ShouldBe(All);
        page["conn_tcp_sockets", "n1", "established"].ShouldBe("1");
    }

    [Fact]
    public void One_whose_accept_queues_overflow_goes_before_fuller_ones()
    {
        for (int i = 0; i <= NamespacesCollector.ShownInFull; i++)
        {
            Named($"n{i}", sockets: i + 1);
        }

        for (int i = 0; i <= NamespacesCollector.ShownInFull; i++)
        {
            bench.SockDiag.Dump();
            bench.SockDiag.Dump();
        }

        bench.Collect()["conn_tcp_active_opens_total", "n0"].ShouldBeNull();
        tree.Overflows("n0", 1);
        for (int i = 0; i <= NamespacesCollector.ShownInFull; i++)
        {
            bench.SockDiag.Dump();
            bench.SockDiag.Dump();
        }

        MetricsText page = bench.Collect();

        page["conn_tcp_active_opens_total", "n0"].ShouldBe("1");
        page.Of("conn_tcp_active_opens_total").Count().ShouldBe(NamespacesCollector.ShownInFull);
    }

    [Fact]
    public void What_is_beyond_the_page_is_counted()
    {
        for (int i = 0; i < NamespacesCollector.Shown + 4; i++)
        {
            Named($"n{i}");
        }

        MetricsText page = bench.Collect();

        page.Of("conn_tcp_listen_overflows_total").Count().ShouldBe(NamespacesCollector.Shown);
        bench.Context.Dropped["conn_tcp_sockets"].ShouldBe(4ul * 12);
    }

    private static byte[] Socket(TcpState state) => [.. Netlink.Record(state: (byte)state), .. Netlink.Attribute(8, 0)];

    // Listeners and everything else of each, then nothing: a kernel without sockets.
    private void PlanWalks(int walks)
    {
        for (int i = 0; i < 2 * walks; i++)
        {
            bench.SockDiag.Dump();
        }
    }

    private void Use(NamespaceScope scope) => bench.Use(kernel => new NamespacesCollector(kernel, scope, tree.Tour));

    private void Named(string name, int sockets = 0, int timeWait = 0, int pid = 0, int overflows = 0)
    {
        tree.Make(name, sockets, timeWait, overflows);
        mounts.Add((name, "/run/netns/" + name));
        tree.Mounts([.. mounts]);
        if (pid != 0)
        {
            tree.Process(pid, name);
        }
    }

    private void Deny(string name) => tree.Refusing[name] = new KernelReadException(FailureKind.Denied, "denied", NamespaceThread.Needs);

    private static string Line(string state) => $"   0: 0100007F:1F90 0100007F:1F91 {state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1\n";

    private static IEnumerable<string?> Counts(MetricsText page) => Counted.Select(state => page["conn_namespaces", state]);
}
