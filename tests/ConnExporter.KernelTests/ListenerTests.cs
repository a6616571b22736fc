namespace ConnExporter.KernelTests;

/// <summary>Full accept queues, as listeners of their own and as members of an SO_REUSEPORT group.</summary>
public class ListenerTests
{
    private const string Address = "address=\"127.0.0.1\"";
    private const string Self = "netns=\"self\"";

    [KernelFact("dotnet")]
    public void A_backlog_of_2_holds_3_and_each_SYN_beyond_is_a_drop()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(network, "backlog", "--limit", "2", "--clients", "9");
        lab.Number("waiting").ShouldBe(6);
        lab.Command("quiet");
        long overflows = Poll.UntilStill(() => network.Counter("ListenOverflows"), "ListenOverflows");
        overflows.ShouldBeGreaterThanOrEqualTo(6);

        MetricsText page = network.Page();
        string port = $"port=\"{lab.Number("port")}\"";
        page.Value("conn_listener_accept_queue", Self, Address, port).ShouldBe(3);
        page.Value("conn_listener_accept_queue_limit", Self, Address, port).ShouldBe(2);
        page.Value("conn_listener_drops_total", Self, Address, port).ShouldBe(overflows);
        page.Value("conn_tcp_listen_overflows_total", Self).ShouldBe(overflows);
        network.Counter("ListenOverflows").ShouldBe(overflows, "drops went on while the page was made");
    }

    [KernelFact("dotnet")]
    public void A_running_daemon_follows_the_drops_of_a_listener_one_by_one()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network);
        using var lab = new Lab(network, "backlog", "--limit", "0", "--clients", "4");
        string[] labels = [Self, Address, $"port=\"{lab.Number("port")}\""];
        for (int round = 0; round < 3; round++)
        {
            lab.Command("quiet");
            long overflows = Poll.UntilStill(() => network.Counter("ListenOverflows"), "ListenOverflows");
            MetricsText page = Poll.Until(
                daemon.Scrape,
                page => page.Find("conn_listener_drops_total", labels) == overflows,
                $"{overflows} drops on the page");
            page.Value("conn_listener_accept_queue", labels).ShouldBe(1);
            page.Value("conn_listener_accept_queue_limit", labels).ShouldBe(0);
            lab.Command("knock 3");
        }
    }

    [KernelFact("dotnet")]
    public void Of_two_members_on_one_port_the_full_one_shows_and_closing_it_never_lowers_the_counter()
    {
        using var network = new NetworkNamespace();
        using var daemon = new RunningDaemon(network);
        using var lab = new Lab(network, "backlog", "--limit", "2", "--clients", "12", "--reuseport");
        lab.Number("waiting").ShouldBeGreaterThan(0);
        lab.Command("quiet");
        long overflows = Poll.UntilStill(() => network.Counter("ListenOverflows"), "ListenOverflows");

        string[] labels = [Self, Address, $"port=\"{lab.Number("port")}\""];
        MetricsText before = Poll.Until(daemon.Scrape, page => page.Find("conn_listener_drops_total", labels) == overflows, $"{overflows} drops on the page");
        before.Value("conn_listener_accept_queue", labels).ShouldBe(3);
        before.Value("conn_listener_accept_queue_limit", labels).ShouldBe(2);

        lab.Command("close 0");
        double lowest = double.MaxValue;
        MetricsText after = Poll.Until(
            () =>
            {
                MetricsText page = daemon.Scrape();
                lowest = Math.Min(lowest, page.Value("conn_listener_drops_total", labels));
                return page;
            },
            page => page.Find("conn_listener_accept_queue_limit", labels) == 1024,
            "the member that is left");
        after.Value("conn_listener_accept_queue", labels).ShouldBe(0);
        after.Value("conn_listener_drops_total", labels).ShouldBe(overflows);
        lowest.ShouldBe(overflows);
    }
}
