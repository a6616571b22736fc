using System.Diagnostics;
using System.Globalization;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.KernelTests.Judge;

namespace ConnExporter.KernelTests;

/// <summary>A daemon that reads network namespaces other than its own.</summary>
public class NamespacesTests
{
    private static readonly string[] Fast = ["--collector.namespaces.interval=200ms"];

    [KernelFact("dotnet", "unshare")]
    public void Two_others_are_exact_each_under_its_name()
    {
        using var home = new NetworkNamespace();
        using var named = new NetworkNamespace();
        using var first = new Lab(named, "mix", "--established", "300", "--close-wait", "40", "--time-wait", "25", "--syn-sent", "7", "--syn-recv", "9", "--listen", "3");
        using Lab second = Unshared("mix", "--established6", "120", "--established", "31", "--close-wait", "11", "--listen", "5", "--families", "v4,v6");

        MetricsText page = home.Page();

        page.Value("conn_collector_outcome", "collector=\"namespaces\"", "outcome=\"ok\"").ShouldBe(1);
        Tally.Of(page, named.Name).ShouldBe(Tally.Of(first.Expected), "the one that ip netns knows");
        Tally.Of(page, NameOf(page, second.ProcessId)).ShouldBe(Tally.Of(second.Expected), "the one that only a process holds");
        page.Find("conn_tcp_sockets", "netns=\"self\"", "state=\"close_wait\"").ShouldBe(0, "the daemon's own");
        first.Left.ShouldBeGreaterThan(TimeSpan.Zero, "minisockets have expired while they were counted");
        page.Value("conn_tcp_active_opens_total", Label(named.Name)).ShouldBe(Opens(named.ReadNet("snmp")));
        page.Value("conn_ephemeral_ports_usable", Label(named.Name)).ShouldBe(page.Value("conn_ephemeral_ports_usable", "netns=\"self\""));
        page.Value("conn_tcp_time_wait_limit", Label(named.Name)).ShouldBeGreaterThan(0);
        page.Text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line[..line.LastIndexOf(' ')]).ShouldBeUnique();
    }

    [KernelFact("dotnet")]
    public void Listeners_of_another_are_followed_and_their_drops_outlive_the_rounds()
    {
        using var home = new NetworkNamespace();
        using var other = new NetworkNamespace();
        other.Set("net/ipv4/ip_local_port_range", "20000 20099");
        using var daemon = new RunningDaemon(home, Fast);
        using var lab = new Lab(other, "backlog", "--limit", "1", "--clients", "5");
        string[] labels = [Label(other.Name), "address=\"127.0.0.1\"", $"port=\"{lab.Number("port")}\""];
        for (int round = 0; round < 2; round++)
        {
            lab.Command("quiet");
            long overflows = Poll.UntilStill(() => other.Counter("ListenOverflows"), "ListenOverflows");
            MetricsText page = Poll.Until(daemon.Scrape, page => page.Find("conn_listener_drops_total", labels) == overflows && page.Find("conn_tcp_listen_overflows_total", Label(other.Name)) == overflows, $"{overflows} drops on the page, of the listener and of all");
            page.Value("conn_listener_accept_queue", labels).ShouldBe(2);
            page.Value("conn_listener_accept_queue_limit", labels).ShouldBe(1);
            page.Value("conn_ephemeral_ports_usable", Label(other.Name)).ShouldBe(100);
            lab.Command("knock 3");
        }
    }

    // One thread asks them all, one after the other: what it remembers is of each alone.
    [KernelFact("dotnet")]
    public void What_one_was_asked_is_not_said_of_another()
    {
        const string Found = "conn_ephemeral_port_found";
        const string Probes = "conn_ephemeral_port_probes_total";
        const string Ports = "conn_ephemeral_destination_ports";
        using var home = new NetworkNamespace();
        using var bound = new PortScene(new PortWorld("bound first") { Destinations = 4, Groups = [new(Opening.BindFirst, 40, Spread: 4)] });
        using var connected = new PortScene(new PortWorld("connected") { Destinations = 2, Groups = [new(Opening.Plain, 40), new(Opening.Plain, 8, Destination: 1)] });
        using var without = new PortScene(new PortWorld("without timestamps") { Place = Place.Peer, Reuse = 1, PeerTimestamps = false, Ports = 40, Groups = [new(Opening.Plain, 2), new(Opening.Plain, 28, Closed: true)] });
        using var with = new PortScene(new PortWorld("with timestamps") { Place = Place.Peer, Reuse = 1, Ports = 40, Groups = [new(Opening.Plain, 2), new(Opening.Plain, 28, Closed: true)] });
        using var daemon = new RunningDaemon(home, [.. Fast, "--netns=all"]);
        string[] names = [bound.Network.Name, connected.Network.Name, without.Network.Name, with.Network.Name];

        double asked = 0;
        for (int round = 0; round < 3; round++)
        {
            MetricsText page = Poll.Until(
                daemon.Scrape,
                page => names.All(name => page.Sum(Ports, Label(name), "kind=\"live\"") > 0) && page.Find(Found, Label(names[0])) is not null && page.Find(Probes, Label(names[1]), "answer=\"found\"") > asked,
                "all four",
                TimeSpan.FromSeconds(60));

            page.Value(Found, Label(names[0])).ShouldBe(0);
            page.Value(Probes, Label(names[0]), "answer=\"found\"").ShouldBe(0);
            page.Value(Found, Label(names[1])).ShouldBe(1);
            page.Find(Found, Label(names[2])).ShouldBeNull("few are in use");
            page.Find(Found, Label(names[3])).ShouldBeNull();
            page.Find(Found, "netns=\"self\"").ShouldBeNull();
            page.Value(Probes, Label(names[2]), "answer=\"none\"").ShouldBe(0);

            // The same addresses in both; only the peers differ.
            page.Value(Ports, Label(names[2]), "kind=\"time_wait\"").ShouldBe(28);
            page.Value(Ports, Label(names[3]), "kind=\"reusable_time_wait\"").ShouldBe(28);
            asked = page.Value(Probes, Label(names[1]), "answer=\"found\"");
        }
    }

    [KernelFact("dotnet")]
    public void A_namespace_that_is_deleted_under_a_daemon_goes_from_the_page_and_from_the_kernel()
    {
        using var home = new NetworkNamespace();
        using var daemon = new RunningDaemon(home, Fast);
        string name;
        using (var victim = new NetworkNamespace())
        {
            name = victim.Name;
            home.Run("ip", "netns", "set", name, "77");
            using var lab = new Lab(victim, "mix", "--established", "20", "--listen", "2");
            Poll.Until(daemon.Scrape, page => page.Find("conn_tcp_sockets", Label(name), "state=\"established\"") == 40, "the namespace on the page");
            home.Run("ip", "netns", "list-id").ShouldContain("nsid 77");
        }

        Poll.Until(daemon.Scrape, page => page.Find("conn_tcp_sockets", Label(name), "state=\"listen\"") is null, "a page without it");
        Poll.Until(() => home.Run("ip", "netns", "list-id"), ids => !ids.Contains("nsid 77", StringComparison.Ordinal), "the kernel without it", TimeSpan.FromSeconds(60));
    }

    [KernelFact("dotnet", "sh")]
    public void A_thousand_that_come_and_go_leave_nothing_behind()
    {
        const int Batches = 20;
        const int Each = 50;

        // The runtime opens and starts a few things late; one left by each namespace would be a thousand.
        const int Slack = 8;
        using var home = new NetworkNamespace();
        using var daemon = new RunningDaemon(home, Fast);
        string prefix = string.Create(CultureInfo.InvariantCulture, $"conn-exporter-test-{Environment.ProcessId}-x");
        Churn(prefix, Each, batch: 1000);
        (int descriptors, int threads) before = (0, 0);
        double seen = 0;
        for (int batch = 0; batch < Batches; batch++)
        {
            seen = Math.Max(seen, Churn(prefix, Each, batch));
            if (batch == 1)
            {
                before = Poll.UntilStill(Holdings, "the daemon's descriptors and threads");
            }
        }

        seen.ShouldBeGreaterThanOrEqualTo(Each, "namespaces were read while they were there");
        (int descriptors, int threads) after = Poll.Until(Holdings, now => now.Descriptors <= before.descriptors + Slack, $"no more descriptors than the {before.descriptors} before");
        after.threads.ShouldBeLessThanOrEqualTo(before.threads + Slack);
        ThreadsElsewhere().ShouldBeEmpty("threads of the daemon in other network namespaces");
        Poll.Until(() => home.Run("ip", "netns", "list-id"), ids => !ids.Contains("nsid", StringComparison.Ordinal), "the kernel without any of them", TimeSpan.FromSeconds(120));
        daemon.Log.ShouldNotContain("defect");

        double Churn(string prefix, int count, int batch)
        {
            // The daemon's namespace numbers them, so that it can tell which of them are still there. Not by home.Run: ip gives what it starts a mount
            // namespace of its own, and the mounts made in there would not be seen elsewhere.
            Tool.Run(TimeSpan.FromSeconds(60), "sh", "-ec", $"for i in $(seq {count}); do ip netns add {prefix}$i; ip -n {home.Name} netns set {prefix}$i $(({batch} * {count} + $i)); done");
            MetricsText page = Poll.Until(daemon.Scrape, page => page.Find("conn_namespaces", "state=\"read\"") >= count, $"{count} namespaces read");
            Tool.Run(TimeSpan.FromSeconds(60), "sh", "-ec", $"for i in $(seq {count}); do ip netns delete {prefix}$i; done");
            return page.Value("conn_namespaces", "state=\"read\"");
        }

        (int Descriptors, int Threads) Holdings() =>
            (Directory.GetFileSystemEntries($"/proc/{daemon.ProcessId}/fd").Length, Directory.GetDirectories($"/proc/{daemon.ProcessId}/task").Length);

        string[] ThreadsElsewhere() => Poll.Until(
            () => Directory.GetDirectories($"/proc/{daemon.ProcessId}/task").Where(task => LinkOf($"{task}/ns/net") != LinkOf($"/proc/{daemon.ProcessId}/ns/net")).ToArray(),
            tasks => tasks.Length == 0,
            "threads at home");
    }

    [KernelFact("dotnet", "unshare", "setpriv")]
    public void Nobody_sees_of_others_what_proc_tells_and_all_of_its_own()
    {
        using var home = new NetworkNamespace();
        using var program = new ReadableDaemon();
        using Lab other = Unshared("mix", "--established6", "20", "--established", "31", "--close-wait", "11", "--listen", "5", "--families", "v4,v6");

        (MetricsText page, string log) = AsNobody(home, program);
        string root = home.Page().Text;

        log.ShouldContain("CAP_SYS_ADMIN");
        page.Value("conn_collector_outcome", "collector=\"namespaces\"", "outcome=\"ok\"").ShouldBe(1);
        page.Value("conn_namespaces", "state=\"denied\"").ShouldBe(page.Value("conn_namespaces", "state=\"seen\""));
        foreach (string collector in (string[])["self", "states", "listeners", "counters", "sockstat", "ports", "descriptors", "processes"])
        {
            page.Value("conn_collector_outcome", $"collector=\"{collector}\"", "outcome=\"ok\"").ShouldBe(1, collector);
        }

        string name = Names(page).Single(name => Tally.Of(page, name) == Tally.Of(other.Expected));
        name.ShouldNotBe("self");
        page.Value("conn_tcp_sockets_source", Label(name), "source=\"proc_net_tcp\"").ShouldBe(1);
        page.Text.ShouldNotContain($"conn_ephemeral_ports_usable{{{Label(name)}}}", Case.Sensitive, "sysctls of a namespace that we are not in");
        root.ShouldContain("conn_ephemeral_ports_usable{netns=\"self\"}");
    }

    [KernelFact("dotnet", "setpriv")]
    public void Nobody_who_is_told_to_read_all_is_denied_and_one_who_is_told_to_read_the_host_does_not_try()
    {
        using var home = new NetworkNamespace();
        using var program = new ReadableDaemon();

        (MetricsText all, string log) = AsNobody(home, program, "--netns=all");
        (MetricsText host, string hostLog) = AsNobody(home, program, "--netns=host");

        all.Value("conn_collector_outcome", "collector=\"namespaces\"", "outcome=\"denied\"").ShouldBe(1);
        all.Value("conn_collector_outcome", "collector=\"states\"", "outcome=\"ok\"").ShouldBe(1);
        log.ShouldContain("CAP_SYS_ADMIN");
        Names(all).ShouldBe(["self"]);
        host.Value("conn_collector_outcome", "collector=\"namespaces\"", "outcome=\"ok\"").ShouldBe(1);
        host.Text.ShouldNotContain("conn_namespaces{");
        hostLog.ShouldNotContain("CAP_SYS_ADMIN");
        Names(host).ShouldBe(["self"]);
    }

    // Every program in the chain becomes the next, so that the process is the lab's in the end.
    private static Lab Unshared(params IEnumerable<string> arguments) =>
        new(Tool.Start("unshare", ["-n", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh", "dotnet", Places.Lab, .. arguments]));

    private static (MetricsText Page, string Log) AsNobody(NetworkNamespace home, ReadableDaemon program, params IEnumerable<string> flags)
    {
        using Process process = home.Start("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", .. program.Command, "metrics", .. flags]);
        process.StandardInput.Close();
        Task<string> log = process.StandardError.ReadToEndAsync();
        string page = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (new MetricsText(page), log.GetAwaiter().GetResult());
    }

    private static string NameOf(MetricsText page, int processId)
    {
        string inode = LinkOf($"/proc/{processId}/ns/net")["net:[".Length..^1];
        string unit = UnitName.FromProcessFile(File.ReadAllBytes($"/proc/{processId}/cgroup"));
        string name = unit == UnitName.None ? $"netns-{inode}" : unit;
        return Names(page).Contains($"{name}-{inode}") ? $"{name}-{inode}" : name;
    }

    private static string LinkOf(string path) => new FileInfo(path).LinkTarget ?? "gone";

    private static string[] Names(MetricsText page) =>
        [.. page.Text.Split('\n').Where(line => line.StartsWith("conn_tcp_sockets{", StringComparison.Ordinal)).Select(line => line.Split('"')[1]).Distinct()];

    private static string Label(string name) => $"netns=\"{name}\"";

    private static double Opens(string snmp)
    {
        string[][] lines = [.. snmp.Split('\n').Where(line => line.StartsWith("Tcp:", StringComparison.Ordinal)).Select(line => line.Split(' '))];
        return double.Parse(lines[1][Array.IndexOf(lines[0], "ActiveOpens")]);
    }

    /// <summary>A copy of the daemon where everybody may read it.</summary>
    private sealed class ReadableDaemon : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("conn-exporter-test-");

        public ReadableDaemon()
        {
            ProgramUnderTest.CopyTo(Places.Build, folder.FullName);
            Tool.Run(TimeSpan.FromSeconds(10), "chmod", "-R", "a+rX", folder.FullName);
        }

        public string[] Command => ProgramUnderTest.Command(folder.FullName);

        public void Dispose() => folder.Delete(recursive: true);
    }
}
