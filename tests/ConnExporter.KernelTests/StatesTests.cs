using ConnExporter.SocketLab;

namespace ConnExporter.KernelTests;

/// <summary>Every state is counted exactly, against the kernel's own tables, ss, and what was made.</summary>
public class StatesTests
{
    [KernelFact("ss", "dotnet")]
    public void A_known_mix_of_20_000_sockets_is_counted_exactly()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(
            network,
            "mix", "--established", "3000", "--established6", "1500", "--established-mapped", "1500", "--close-wait", "1500", "--fin-wait2", "300", "--orphans", "800",
            "--time-wait", "2000", "--syn-sent", "900", "--syn-recv", "1200", "--fin-wait1", "60", "--last-ack", "60", "--closing", "60", "--listen", "40");
        Expectation expected = lab.Expected;

        MetricsText page = network.Page();
        string ss = network.Run("ss", "-tanH");
        string tcp = network.ReadNet("tcp");
        string tcp6 = network.ReadNet("tcp6");
        string dump = network.Inside(Tally.OfSockDiag);
        MetricsText after = network.Page();
        lab.Left.ShouldBeGreaterThan(TimeSpan.Zero, "minisockets have expired while they were counted");

        expected.Total.ShouldBeGreaterThanOrEqualTo(20_000);
        Expectation.StateNames.Where(state => state != "close" && expected[state] == 0).ShouldBeEmpty("states without a socket in the mix");
        string wanted = Tally.Of(expected);
        Tally.OfSs(ss).ShouldBe(wanted, "ss");
        Tally.OfTable(tcp).ShouldBe(Tally.Of(expected, table6: false), "/proc/net/tcp");
        Tally.OfTable(tcp6).ShouldBe(Tally.Of(expected, table6: true), "/proc/net/tcp6");
        dump.ShouldBe(wanted, "sock_diag");
        Tally.Of(page).ShouldBe(wanted, "the page");
        Tally.Of(after).ShouldBe(wanted, "the page once more");
        page.Value("conn_tcp_sockets", "netns=\"self\"", "state=\"unknown\"").ShouldBe(0);
        page.Value("conn_collector_outcome", "collector=\"states\"", "outcome=\"ok\"").ShouldBe(1);
    }

    [KernelFact("dotnet")]
    public void A_namespace_without_sockets_shows_every_state_at_zero()
    {
        using var network = new NetworkNamespace();
        Tally.Of(network.Page()).ShouldBe(Tally.Of(new Expectation()));
    }

    [KernelFact("dotnet")]
    public void A_hundred_thousand_connections_are_counted_exactly()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(network, "repair", "--count", "100000", "--peers", "40");
        Tally.Of(network.Page()).ShouldBe(Tally.Of(lab.Expected));
    }
}
