using System.Text.Json;

namespace ConnExporter.KernelTests;

/// <summary>The audit of settings against the real kernel: what does not fit is found, what it prints as a remedy mends it.</summary>
public class TuningTests
{
    [KernelFact("dotnet", "sysctl")]
    public void Settings_that_do_not_fit_are_found_and_gone_once_mended()
    {
        using var network = new NetworkNamespace();
        using var root = new EmptyRoot();
        using var lab = new Lab(network, "backlog", "--limit", "8", "--clients", "1", "--port", "40123");
        network.Set("net/ipv4/ip_local_port_range", "32768 61000");
        network.Set("net/ipv4/tcp_syncookies", "0");
        network.Set("net/ipv4/tcp_tw_reuse", "1");
        network.Set("net/ipv4/tcp_timestamps", "0");
        using var daemon = new RunningDaemon(network, "--netns=host", $"--path.rootfs={root.Path}", "--collector.settings.interval=200ms", "--collector.ports.interval=200ms", "--diagnosis.linger=1s");

        MetricsText page = Poll.Until(daemon.Scrape, page => Held(page).Length >= 4, "the findings");

        Held(page).ShouldBe(["tuning_range_overlaps_listeners", "tuning_range_same_parity", "tuning_syncookies_off", "tuning_tw_reuse_without_timestamps"]);
        page.Value("conn_finding", "finding=\"tuning_syncookies_off\"", "severity=\"warning\"").ShouldBe(1);
        page.Value("conn_sysctl", "name=\"net.ipv4.tcp_tw_reuse\"").ShouldBe(1);

        using JsonDocument report = Diagnose(network, root);
        Ids(report).ShouldBe(Held(page), "diagnose finds the same");
        Finding(report, "tuning_range_overlaps_listeners").GetProperty("holders")[0].GetProperty("pid").GetInt32().ShouldBe(lab.ProcessId);
        string[] commands = Commands(report);
        commands.ShouldContain("sysctl -w net.ipv4.ip_local_reserved_ports=40123");
        foreach (string command in commands)
        {
            network.Run("/bin/sh", "-c", command);
        }

        page = Poll.Until(daemon.Scrape, page => Held(page).Length == 0, "a page without findings");
        page.Value("conn_sysctl", "name=\"net.ipv4.tcp_syncookies\"").ShouldBe(1);
        page.Value("conn_ephemeral_ports_reserved").ShouldBe(1);
    }

    [KernelFact("dotnet", "sysctl")]
    public void Folklore_and_what_it_leads_to_is_found_and_mended_by_the_printed_commands()
    {
        using var network = new NetworkNamespace();
        using var root = new EmptyRoot();
        root.Write("etc/sysctl.d/99-tuning.conf", "net.ipv4.tcp_max_tw_buckets = 5000\n");
        network.Set("net/core/somaxconn", "128");
        using var lab = new Lab(network, "backlog", "--limit", "511", "--clients", "140");
        network.Set("net/ipv4/tcp_abort_on_overflow", "1");
        network.Set("net/ipv4/tcp_fin_timeout", "30");
        network.Set("net/ipv4/tcp_max_syn_backlog", "65535");
        network.Set("net/ipv4/tcp_max_tw_buckets", "5000");
        network.Set("net/ipv4/ip_unprivileged_port_start", "0");
        network.Set("net/ipv4/ip_local_port_range", "500 2001");
        string[] expected =
        [
            "tuning_abort_on_overflow", "tuning_backlog_cut_off", "tuning_fin_timeout_lowered", "tuning_range_below_1024", "tuning_range_narrowed", "tuning_somaxconn_low",
            "tuning_syn_backlog_raised", "tuning_tw_buckets_low",
        ];
        if (File.Exists("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established"))
        {
            network.Set("net/netfilter/nf_conntrack_tcp_timeout_established", "600");
            expected = [.. expected.Append("tuning_conntrack_timeout_below_keepalive").Order(StringComparer.Ordinal)];
        }

        using JsonDocument report = Diagnose(network, root);

        Ids(report).ShouldBe(expected);
        JsonElement cutOff = Finding(report, "tuning_backlog_cut_off");
        cutOff.GetProperty("instance").GetString().ShouldBe($"127.0.0.1:{lab.Number("port")}");
        cutOff.GetProperty("holders")[0].GetProperty("pid").GetInt32().ShouldBe(lab.ProcessId);
        foreach (string command in Commands(report))
        {
            network.Run("/bin/sh", "-c", command);
        }

        // A larger backlog of the service is a change of its code, there is no command for it.
        network.Set("net/ipv4/tcp_max_syn_backlog", "1024");
        using JsonDocument after = Diagnose(network, root);
        Ids(after).ShouldBeEmpty();
        network.Run("sysctl", "-n", "net.ipv4.ip_local_reserved_ports").Trim().ShouldBe($"{lab.Number("port")}");
        network.Run("sysctl", "-n", "net.ipv4.ip_local_port_range").Trim().ShouldBe("32768\t60999");
    }

    [KernelFact("dotnet", "sed")]
    public void A_file_that_still_sets_what_is_gone_is_named_until_the_line_is_taken_out()
    {
        using var network = new NetworkNamespace();
        using var root = new EmptyRoot();
        root.Write("etc/sysctl.conf", "net.ipv4.tcp_syncookies = 1\nnet.ipv4.tcp_tw_recycle = 1\n");
        File.CreateSymbolicLink(Path.Join(Directory.CreateDirectory(Path.Join(root.Path, "etc/sysctl.d")).FullName, "99-sysctl.conf"), "../sysctl.conf");
        using var daemon = new RunningDaemon(network, "--netns=host", $"--path.rootfs={root.Path}", "--collector.settings.interval=200ms", "--diagnosis.linger=1s");

        MetricsText page = Poll.Until(daemon.Scrape, page => Held(page).Length > 0, "the finding");

        Held(page).ShouldBe(["tuning_tw_recycle_in_file"]);
        page.Value("conn_finding_info", "finding=\"tuning_tw_recycle_in_file\"", "evidence=\"/etc/sysctl.conf\"").ShouldBe(1);

        using JsonDocument report = Diagnose(network, root);
        Ids(report).ShouldBe(["tuning_tw_recycle_in_file"]);
        network.Run("/bin/sh", "-c", Commands(report).Single().Replace(" /etc/", $" {root.Path}/etc/", StringComparison.Ordinal));

        Poll.Until(daemon.Scrape, page => Held(page).Length == 0, "a page without it");
        File.ReadAllText(Path.Join(root.Path, "etc/sysctl.conf")).ShouldBe("net.ipv4.tcp_syncookies = 1\n# net.ipv4.tcp_tw_recycle = 1\n");
    }

    [KernelFact("dotnet", "sed")]
    public void A_file_of_any_name_is_the_one_that_the_command_changes()
    {
        const string Name = "etc/sysctl.d/it's $(touch INJECTED); `touch INJECTED` \"a\\x2d*.conf";
        using var network = new NetworkNamespace();
        using var root = new EmptyRoot();
        root.Write(Name, "# a\u2028b\nnet.ipv4.tcp_tw_recycle = 1\n");
        root.Write("etc/sysctl.d/two\nlines.conf", "net.ipv4.netfilter.ip_conntrack_max = 1\n");

        using JsonDocument report = Diagnose(network, root);
        Ids(report).ShouldBe(["tuning_ip_conntrack_max_in_file", "tuning_tw_recycle_in_file"]);
        string command = Commands(report).ShouldHaveSingleItem("the other cannot be typed as it is");
        network.Run("/bin/sh", "-c", "cd \"$0\" && eval \"$1\"", root.Path, command.Replace("'/etc/", $"'{root.Path}/etc/", StringComparison.Ordinal));

        File.ReadAllText(Path.Join(root.Path, Name)).ShouldBe("# a\u2028b\n# net.ipv4.tcp_tw_recycle = 1\n");
        File.Exists(Path.Join(root.Path, "INJECTED")).ShouldBeFalse();
    }

    private static string[] Held(MetricsText page) =>
    [
        .. page.Text.Split('\n').Where(line => line.StartsWith("conn_finding{finding=\"tuning_", StringComparison.Ordinal) && line.EndsWith(" 1", StringComparison.Ordinal))
            .Select(line => line.Split('"')[1]).Order(StringComparer.Ordinal),
    ];

    // Its exit status is 1 where something is a warning.
    private static JsonDocument Diagnose(NetworkNamespace network, EmptyRoot root) =>
        JsonDocument.Parse(network.Run("/bin/sh", "-c", $"'{string.Join("' '", Places.Program)}' diagnose --json --lang=en --netns=host --path.rootfs={root.Path} || [ $? -le 3 ]"));

    private static string[] Ids(JsonDocument report) =>
        [.. report.RootElement.GetProperty("findings").EnumerateArray().Select(finding => finding.GetProperty("finding").GetString()!).Where(id => id.StartsWith("tuning_", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static JsonElement Finding(JsonDocument report, string id) => report.RootElement.GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("finding").GetString() == id);

    private static string[] Commands(JsonDocument report) =>
        [.. Ids(report).SelectMany(id => Finding(report, id).GetProperty("remedies").EnumerateArray()).SelectMany(remedy => remedy.GetProperty("commands").EnumerateArray()).Select(command => command.GetString()!)];

    /// <summary>A host without any sysctl file but those of the test.</summary>
    private sealed class EmptyRoot : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;

        public void Write(string name, string content)
        {
            string path = System.IO.Path.Join(Path, name);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
        }

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
