using ConnExporter.Kernel.Cgroups;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class ProcessesCollectorTests : IDisposable
{
    private const int RefreshRounds = 4;
    private readonly CollectorBench bench = new();

    public ProcessesCollectorTests() => bench.Use(kernel => new ProcessesCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Processes_of_one_name_and_unit_are_one_group()
    {
        bench.Process(10, "nginx", 5, cgroup: "/system.slice/nginx.service");
        bench.Process(11, "nginx", 7, cgroup: "/system.slice/nginx.service");
        bench.Process(12, "nginx", 2, cgroup: "/user.slice/user-0.slice/session-1.scope");

        MetricsText page = bench.Collect();

        page.Of("conn_process_group_processes").ShouldBe(["nginx nginx.service 2", "nginx session-1.scope 1"]);
        page.Of("conn_process_group_file_descriptors").ShouldBe(["nginx nginx.service 12", "nginx session-1.scope 2"]);
        page["conn_processes"].ShouldBe("3");
        page["conn_processes_unreadable"].ShouldBe("0");
    }

    [Fact]
    public void A_pod_whose_name_could_not_be_read_at_first_has_it_when_it_can()
    {
        const string Container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        bool fails = true;
        var names = new PodNames("/", bench.Time, (path, _) => fails ? throw new IOException("Too many open files", 24)
            : path.Contains("/run/containerd/", StringComparison.Ordinal) ? """{"annotations":{"io.kubernetes.cri.container-name":"nginx","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}"""u8.ToArray() : null);
        bench.Use(kernel => new ProcessesCollector(kernel with { Pods = names }));
        string cgroup = $"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-{Container}.scope";
        bench.Process(10, "nginx", 5, cgroup: cgroup);
        bench.Process(11, "nginx", 7, cgroup: cgroup);
        bench.Collect().Of("conn_process_group_file_descriptors").ShouldBe(["nginx pod 1-2/cri-containerd-0123456789ab 12"]);

        fails = false;
        bench.Time.Advance(TimeSpan.FromSeconds(10));
        for (int round = 0; round < RefreshRounds; round++)
        {
            bench.Collect();
        }

        bench.Collect().Of("conn_process_group_file_descriptors").ShouldBe(["nginx pod shop/web-0/nginx 12"]);
    }

    [Fact]
    public void The_worst_process_is_the_one_nearest_to_its_limit_and_not_the_largest()
    {
        bench.Process(10, "db", 6, limit: "1000");
        bench.Process(11, "db", 5, limit: "10");
        bench.Process(12, "db", 4, limit: "20");

        MetricsText page = bench.Collect();

        page.Of("conn_process_group_worst_file_descriptors").ShouldBe(["db demo.service 5"]);
        page.Of("conn_process_group_worst_file_descriptors_limit").ShouldBe(["db demo.service 10"]);
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("unlimited", "1.8446744073709552e+19")]
    public void Limits_at_both_ends_are_numbers_like_others(string limit, string shown)
    {
        bench.Process(10, "odd", 3, limit);

        bench.Collect()["conn_process_group_worst_file_descriptors_limit", "odd", "demo.service"].ShouldBe(shown);
    }

    [Theory]
    [InlineData("say \"hi\" \\o/")]
    [InlineData("two\nlines")]
    [InlineData("a } b{c=\"d\"} 1")]
    [InlineData("(sd-pam)")]
    [InlineData("Ü")]
    public void Names_are_shown_whatever_they_hold(string name)
    {
        bench.Process(10, name, 1);

        bench.Collect()["conn_process_group_processes", name, "demo.service"].ShouldBe("1");
    }

    [Fact]
    public void Names_that_are_no_UTF_8_are_shown_with_replacements_and_stay_one_group()
    {
        bench.Process(10, "", 2);
        bench.Process(11, "", 3);
        File.WriteAllBytes(Path.Join(bench.Proc, "10/comm"), [(byte)'x', 0xff, (byte)'\n']);
        File.WriteAllBytes(Path.Join(bench.Proc, "11/comm"), [(byte)'x', 0xfe, (byte)'\n']);

        for (int round = 0; round < RefreshRounds + 1; round++)
        {
            bench.Collect().Of("conn_process_group_file_descriptors").ShouldBe(["x\ufffd demo.service 5"]);
        }
    }

    [Theory]
    [InlineData("/", "none")]
    [InlineData("/system.slice/ssh.service", "ssh.service")]
    [InlineData("/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope", "docker-0123456789ab")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", "user@1000.service/app.service")]
    public void The_unit_comes_from_the_cgroup(string cgroup, string unit)
    {
        bench.Process(10, "demo", 1, cgroup: cgroup);

        bench.Collect()["conn_process_group_processes", "demo", unit].ShouldBe("1");
    }

    [Fact]
    public void Kernel_threads_and_others_without_descriptors_are_seen_and_make_no_group()
    {
        bench.Process(2, "kthreadd", 0, cgroup: "/");
        bench.Process(10, "demo", 1);

        MetricsText page = bench.Collect();

        page.Of("conn_process_group_processes").ShouldBe(["demo demo.service 1"]);
        page["conn_processes"].ShouldBe("2");
    }

    [Fact]
    public void On_a_kernel_without_control_groups_processes_belong_to_no_unit()
    {
        bench.Process(10, "demo", 3);
        bench.Remove("10/cgroup");

        for (int round = 0; round < RefreshRounds + 1; round++)
        {
            MetricsText page = bench.Collect();

            page.Of("conn_process_group_file_descriptors").ShouldBe(["demo none 3"]);
            (page["conn_processes"], page["conn_processes_unreadable"]).ShouldBe(("1", "0"));
        }
    }

    [Fact]
    public void What_is_no_process_is_passed_over()
    {
        bench.Process(10, "demo", 1);
        bench.Write("net/tcp", "");
        bench.Write("1x/fd/0", "");
        bench.Write("version", "Linux\n");

        bench.Collect()["conn_processes"].ShouldBe("1");
    }

    [Fact]
    public void At_most_20_groups_are_shown_and_the_others_are_added_up()
    {
        for (int i = 0; i < 25; i++)
        {
            bench.Process(100 + i, $"p{i:00}", 30 - i, limit: "100");
        }

        MetricsText page = bench.Collect();

        page.Of("conn_process_group_file_descriptors").Take(20).ShouldBe(Enumerable.Range(0, 20).Select(i => $"p{i:00} demo.service {30 - i}"));
        page["conn_process_group_processes", "other", "other"].ShouldBe("5");
        page["conn_process_group_file_descriptors", "other", "other"].ShouldBe($"{10 + 9 + 8 + 7 + 6}");
        page["conn_process_group_worst_file_descriptors", "other", "other"].ShouldBe("10");
        page["conn_process_group_worst_file_descriptors_limit", "other", "other"].ShouldBe("100");
        bench.Context.Dropped["conn_process_group_file_descriptors"].ShouldBe(5ul);
    }

    [Fact]
    public void A_hundred_thousand_processes_whose_names_come_and_go_are_twenty_rows_and_the_others()
    {
        const int Processes = 100_000;
        const int Names = 400;
        for (int pid = 1; pid <= Names; pid++)
        {
            bench.Process(pid, $"first{pid}", 4, limit: "8");
        }

        // The others are links: a directory each would take longer than all the rest.
        for (int pid = Names + 1; pid <= Processes; pid++)
        {
            Directory.CreateSymbolicLink(Path.Join(bench.Proc, $"{pid}"), $"{(pid % Names) + 1}");
        }

        ShowsAll(bench.Collect(), "first");
        for (int pid = 1; pid <= Names; pid++)
        {
            bench.Write($"{pid}/comm", $"second{pid}\n");
        }

        ShowsAll(bench.Collect(), "second");

        static void ShowsAll(MetricsText page, string name)
        {
            string[] rows = [.. page.Of("conn_process_group_processes")];
            rows.Length.ShouldBe(ProcessesCollector.Shown + 1);
            rows.Count(row => row.StartsWith(name, StringComparison.Ordinal)).ShouldBe(ProcessesCollector.Shown);
            rows.Sum(row => int.Parse(row.Split(' ')[^1])).ShouldBe(Processes);
            page.Of("conn_process_group_file_descriptors").Sum(row => int.Parse(row.Split(' ')[^1])).ShouldBe(4 * Processes);
            page["conn_processes"].ShouldBe($"{Processes}");
        }
    }

    [Fact]
    public void The_groups_that_are_shown_are_those_nearest_to_a_limit()
    {
        for (int i = 0; i < 20; i++)
        {
            bench.Process(100 + i, $"p{i:00}", 20, limit: "1000");
        }

        bench.Process(200, "near", 2, limit: "3");

        MetricsText page = bench.Collect();

        page["conn_process_group_file_descriptors", "near", "demo.service"].ShouldBe("2");
        page["conn_process_group_file_descriptors", "other", "other"].ShouldBe("20");
    }

    [Fact]
    public void With_20_groups_there_are_no_others()
    {
        for (int i = 0; i < 20; i++)
        {
            bench.Process(100 + i, $"p{i:00}", 1);
        }

        MetricsText page = bench.Collect();

        page.Of("conn_process_group_processes").Count().ShouldBe(20);
        page["conn_process_group_processes", "other", "other"].ShouldBeNull();
        bench.Context.Dropped["conn_process_group_file_descriptors"].ShouldBe(0ul);
    }

    [Fact]
    public void Counts_are_fresh_each_round()
    {
        bench.Process(10, "demo", 3);
        bench.Collect();

        bench.Descriptors(10, 8);

        bench.Collect()["conn_process_group_file_descriptors", "demo", "demo.service"].ShouldBe("8");
    }

    [Fact]
    public void A_pid_that_another_process_has_taken_is_seen_at_once()
    {
        bench.Process(10, "former", 3);
        bench.Collect();

        bench.Reuse(10, pid => bench.Process(pid, "latter", 2));

        bench.Collect().Of("conn_process_group_file_descriptors").ShouldBe(["latter demo.service 2"]);
    }

    [Fact]
    public void A_new_name_and_limit_of_the_same_process_are_seen_within_four_rounds()
    {
        bench.Process(10, "before", 3);
        bench.Collect();
        bench.Write("10/comm", "after\n");
        bench.Limit(10, "2048");

        MetricsText page = bench.Collect();
        for (int round = 1; round < RefreshRounds; round++)
        {
            page = bench.Collect();
        }

        page.Of("conn_process_group_worst_file_descriptors_limit").ShouldBe(["after demo.service 2048"]);
    }

    [Fact]
    public void Beyond_half_of_the_limit_it_is_seen_at_once()
    {
        bench.Process(10, "busy", 5, limit: "10");
        bench.Collect();

        bench.Limit(10, "100");

        bench.Collect()["conn_process_group_worst_file_descriptors_limit", "busy", "demo.service"].ShouldBe("100");
    }

    [Fact]
    public void An_ended_process_and_its_group_are_gone()
    {
        bench.Process(10, "demo", 3);
        bench.Process(11, "rest", 3);
        bench.Collect();

        bench.End(10);

        MetricsText page = bench.Collect();
        page.Of("conn_process_group_processes").ShouldBe(["rest demo.service 1"]);
        page["conn_processes"].ShouldBe("1");
    }

    [Theory]
    [InlineData("fd")]
    [InlineData("comm")]
    [InlineData("cgroup,limits")]
    [InlineData("limits")]
    public void A_process_that_ends_in_mid_scan_is_passed_over_in_silence(string missing)
    {
        bench.Process(10, "ending", 3);
        bench.Process(11, "rest", 3);
        if (missing == "fd")
        {
            Directory.Delete(Path.Join(bench.Proc, "10/fd"), recursive: true);
        }
        else
        {
            Array.ForEach(missing.Split(','), file => bench.Remove("10/" + file));
        }

        MetricsText page = bench.Collect();

        page.Of("conn_process_group_processes").ShouldBe(["rest demo.service 1"]);
        page["conn_processes"].ShouldBe("1");
        page["conn_processes_unreadable"].ShouldBe("0");
        bench.TakeNotes().ShouldBeEmpty();
    }

    [Fact]
    public void A_process_whose_limits_are_empty_is_ending()
    {
        bench.Process(10, "ending", 3);
        bench.Write("10/limits", "");

        bench.Collect()["conn_processes"].ShouldBe("0");
    }

    [Fact]
    public void A_process_that_may_not_be_read_is_counted_and_noted_once()
    {
        bench.Process(10, "secret", 3);
        bench.Process(11, "open", 1);
        bench.Remove("10/comm");
        File.CreateSymbolicLink(Path.Join(bench.Proc, "10/comm"), KernelFiles.WriteOnly);

        for (int round = 0; round < 3; round++)
        {
            MetricsText page = bench.Collect();

            page["conn_processes"].ShouldBe("2");
            page["conn_processes_unreadable"].ShouldBe("1");
            page.Of("conn_process_group_processes").ShouldBe(["open demo.service 1"]);
        }

        bench.TakeNotes().ShouldHaveSingleItem().ShouldContain("CAP_SYS_PTRACE");
    }

    [Fact]
    public void Limits_that_hold_something_else_give_no_reading()
    {
        bench.Process(10, "demo", 3, limit: "plenty");

        bench.Fail().Message.ShouldMatch("limits: .*plenty");
    }

    [Fact]
    public void A_collector_that_failed_reads_again_when_the_cause_is_gone()
    {
        bench.Process(10, "demo", 3, limit: "plenty");
        bench.Fail();

        bench.Limit(10, "1024");

        bench.Collect()["conn_process_group_file_descriptors", "demo", "demo.service"].ShouldBe("3");
    }
}
