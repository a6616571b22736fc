using System.Diagnostics;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What the daemon costs with very many sockets and default settings, and how old what it shows is.</summary>
internal static class Defaults
{
    private const double Target = 1.2;
    private const double StatesAge = 60;
    private const double QuickAge = 2;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AgeWatch = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan AgePause = TimeSpan.FromMilliseconds(200);

    public static Part Part { get; } = new(
        "defaults",
        "Very many sockets, default settings",
        "CPU over minutes with 1,000,000 sockets, and the age of what is shown",
        settings => Settle + AgeWatch + (settings.Rounds * settings.Window) + TimeSpan.FromSeconds(settings.Sockets / 20_000.0),
        Run);

    private static void Run(Bench bench, Section section)
    {
        BenchmarkSettings settings = bench.Settings;
        section.Say($"{settings.Sockets:N0} ESTABLISHED sockets of {settings.Peers:N0} peers, all collectors at their defaults, a scrape each {Share.ScrapeInterval.TotalSeconds:F0} s; rounds of {settings.Window.TotalSeconds:F0} s in one run.");
        using var load = Load.Sockets(bench.Place, settings.Sockets, settings.Peers);
        using Peer peer = bench.Daemon.Start(bench.Place);
        Thread.Sleep(Settle);
        List<double> shares = bench.Rounds("defaults", () => Share.Of(peer, settings.Window, scrape: true));
        section.Figure("CPU, by round", shares, "% of a core");
        section.Bound("CPU over all rounds", [shares.Average()], Target, "% of a core");
        string page = peer.Scrape();
        foreach (string collector in (string[])["states", "census", "processes", "namespaces"])
        {
            section.Figure($"interval of {collector} in force", [Daemon.ValueOf(page, "conn_collector_interval_seconds", $"\"{collector}\"")], "s");
        }

        Bench.Say("  ages");
        Dictionary<string, double> oldest = new(StringComparer.Ordinal) { ["states"] = 0, ["counters"] = 0, ["listeners"] = 0 };
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < AgeWatch; Thread.Sleep(AgePause))
        {
            double now = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds;
            page = peer.Scrape();
            foreach (string collector in oldest.Keys.ToList())
            {
                oldest[collector] = Math.Max(oldest[collector], now - Daemon.ValueOf(page, "conn_collector_last_success_timestamp_seconds", $"\"{collector}\""));
            }
        }

        section.Bound("oldest sockets by state that a page showed", [oldest["states"]], StatesAge, "s");
        section.Bound("oldest counters", [oldest["counters"]], QuickAge, "s");
        section.Bound("oldest listener queues", [oldest["listeners"]], QuickAge, "s");
    }
}
