using System.Diagnostics;

namespace ConnExporter.KernelTests;

/// <summary>Who holds it, as the daemon's page says it.</summary>
public class HolderTests
{
    private const string Self = "netns=\"self\"";
    private const string CloseWait = "state=\"close_wait\"";
    private const int Leaked = 500;

    [CgroupFact("dotnet", "cat", "sh")]
    public void A_leak_of_CLOSE_WAIT_in_a_crowd_has_its_unit_its_process_its_count_and_its_age()
    {
        using var cgroup = new TestCgroup();
        using var network = new NetworkNamespace();
        using var crowd = new Lab(network, "descriptors", "--processes", "1000", "--each", "300");
        using var leak = new Lab(network, cgroup, "mix", "--close-wait", $"{Leaked}", "--families", "v4");
        long since = Stopwatch.GetTimestamp();
        string unit = $"unit=\"{cgroup.Name}\"";

        MetricsText page = network.Page();

        page.Value("conn_unit_sockets", Self, unit, CloseWait).ShouldBe(Leaked);
        page.Value("conn_process_sockets", unit, CloseWait).ShouldBe(Leaked);
        page.Value("conn_process_sockets", unit, CloseWait, "process=\"dotnet\"").ShouldBe(Leaked);
        page.Value("conn_tcp_close_wait_oldest_seconds", Self).ShouldBe(Stopwatch.GetElapsedTime(since).TotalSeconds, 2);
    }

    [KernelFact("dotnet", "cat")]
    public void Where_cgroups_do_not_tell_the_process_does()
    {
        using var network = new NetworkNamespace();
        using var crowd = new Lab(network, "descriptors", "--processes", "1000", "--each", "300");
        using var leak = new Lab(network, "mix", "--close-wait", $"{Leaked}", "--families", "v4");

        MetricsText page = network.Page();

        page.Sum("conn_process_sockets", CloseWait, "process=\"dotnet\"").ShouldBe(Leaked);
        page.Sum("conn_unit_sockets", Self, CloseWait).ShouldBe(Leaked);
    }

    [CgroupFact("dotnet", "sh")]
    public void A_client_that_leaves_nothing_but_TIME_WAIT_is_named()
    {
        using var cgroup = new TestCgroup();
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/tcp_tw_reuse", "0");
        network.Set("net/ipv4/ip_local_port_range", "20000 21999");
        using var daemon = new RunningDaemon(network, "--collector.census.interval=500ms");
        using var client = new Lab(network, cgroup, "churn", "--rate", "300");

        MetricsText page = Poll.Until(
            daemon.Scrape,
            page => page.Sum("conn_ephemeral_destination_sightings", Self, $"unit=\"{cgroup.Name}\"", "process=\"dotnet\"") > 0,
            "the unit and the process of the client, once its destination has half of the ports");

        page.Value("conn_ephemeral_worst_destination_ports", Self).ShouldBeGreaterThanOrEqualTo(0.5 * 2000);
    }
}
