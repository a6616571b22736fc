namespace ConnExporter.KernelTests;

/// <summary>What happens while a walk over very many sockets is on.</summary>
public class WalkTests
{
    private const int Sockets = 200_000;

    [KernelFact("dotnet")]
    public void A_daemon_in_the_middle_of_a_walk_ends_in_time()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(network, "repair", "--count", $"{Sockets}", "--peers", "20000");

        // A walk takes longer than the interval: there is always one on.
        using var daemon = new RunningDaemon(network, "--sampling.cpu-budget=1", "--collector.census.interval=100ms", "--collector.states.interval=100ms");
        daemon.Scrape().Value("conn_collector_duration_seconds", "collector=\"census\"").ShouldBeGreaterThan(0.1);

        (int status, TimeSpan time) = daemon.End();

        status.ShouldBe(0, daemon.Log);
        time.ShouldBeLessThan(TimeSpan.FromSeconds(3));
    }

    [KernelFact("dotnet")]
    public void The_budget_stretches_the_walks_and_nothing_else()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(network, "repair", "--count", $"{Sockets}", "--peers", "20000");
        using var daemon = new RunningDaemon(network, "--sampling.cpu-budget=0.01", "--netns=host");

        // Those who wait are told of another interval by the watch, which looks each second. The first samples of the cheap ones cost what their code takes to get
        // ready, which may be too much for a moment.
        MetricsText page = Poll.Until(
            daemon.Scrape,
            page => page.Value("conn_collector_interval_seconds", "collector=\"states\"") > 5 && page.Value("conn_collector_interval_seconds", "collector=\"counters\"") == 1,
            "stretched walks beside cheap collectors that are not");

        page.Value("conn_sampling_cpu_budget_ratio").ShouldBe(0.01);
        page.Value("conn_collector_interval_seconds", "collector=\"census\"").ShouldBeGreaterThan(30);
        page.Value("conn_collector_interval_seconds", "collector=\"listeners\"").ShouldBe(1);
    }
}
