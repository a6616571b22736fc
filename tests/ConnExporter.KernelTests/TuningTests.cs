namespace ConnExporter.KernelTests;

/// <summary>The audit of settings against the real kernel: what does not fit is found, what it prints as a remedy mends it.</summary>
public class TuningTests
{
    // As a remedy is printed where a service listens on 40123: the range gets an odd end, the port is reserved, and so on.
    private static readonly string[] Remedies =
    [
        "sysctl -w net.ipv4.ip_local_reserved_ports=40123",
        "sysctl -w net.ipv4.ip_local_port_range=\"32768 61001\"",
        "sysctl -w net.ipv4.tcp_syncookies=1",
        "sysctl -w net.ipv4.tcp_timestamps=1",
    ];

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

        foreach (string remedy in Remedies)
        {
            network.Run("/bin/sh", "-c", remedy);
        }

        page = Poll.Until(daemon.Scrape, page => Held(page).Length == 0, "a page without findings");
        page.Value("conn_sysctl", "name=\"net.ipv4.tcp_syncookies\"").ShouldBe(1);
        page.Value("conn_ephemeral_ports_reserved").ShouldBe(1);
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

        network.Run("/bin/sh", "-c", $"sed -i --follow-symlinks '2{{/tcp_tw_recycle/s/^/# /}}' '{root.Path}/etc/sysctl.conf'");

        Poll.Until(daemon.Scrape, page => Held(page).Length == 0, "a page without it");
        File.ReadAllText(Path.Join(root.Path, "etc/sysctl.conf")).ShouldBe("net.ipv4.tcp_syncookies = 1\n# net.ipv4.tcp_tw_recycle = 1\n");
    }

    private static string[] Held(MetricsText page) =>
    [
        .. page.Text.Split('\n').Where(line => line.StartsWith("conn_finding{finding=\"tuning_", StringComparison.Ordinal) && line.EndsWith(" 1", StringComparison.Ordinal))
            .Select(line => line.Split('"')[1]).Order(StringComparer.Ordinal),
    ];

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
