using System.Diagnostics;
using System.Net;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>How long a scrape waits while the daemon is busiest.</summary>
internal static class Scrapes
{
    private const int ScrapesPerRound = 1000;
    private const int Scrapers = 50;
    private const int VolleysPerRound = 5;
    private const double MedianTarget = 1;
    private const double TailTarget = 3;
    private const double VolleyTarget = 50;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan VolleyPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    public static Part Part { get; } = new(
        "scrapes",
        "Scrapes",
        "latency of the metrics page with 1,000,000 sockets and a census at work",
        settings => Settle + TimeSpan.FromSeconds(5 + (settings.Sockets / 20_000.0) + (settings.Rounds * 15)),
        Run);

    private static void Run(Bench bench, Section section)
    {
        BenchmarkSettings settings = bench.Settings;
        section.Say(
            $"{settings.Sockets:N0} ESTABLISHED sockets of {settings.Peers:N0} peers, all collectors, a census every 3 s. From the request to the last byte over loopback: {ScrapesPerRound:N0} scrapes a round "
            + $"on one connection that stays open, {Pause.TotalMilliseconds:F0} ms apart; then {Scrapers} scrapers at once, {VolleysPerRound} times a round, "
            + "the slowest of all.");
        using var load = Load.Sockets(bench.Place, settings.Sockets, settings.Peers);
        using Peer peer = bench.Daemon.StartFixed(bench.Place, "--collector.census.interval=3s");
        Thread.Sleep(Settle);

        // Not before: the daemon closes connections that say nothing.
        using HttpConnection connection = peer.Connect();
        double censusBefore = CensusCpu(connection);
        var clock = Stopwatch.StartNew();
        List<double[]> latencies = bench.Rounds("scrapes", () => Latencies(connection));
        double busy = (CensusCpu(connection) - censusBefore) / clock.Elapsed.TotalSeconds * 100;
        section.Target("median", latencies.Select(Section.Median), MedianTarget, "ms");
        section.Target("99th percentile", latencies.Select(Percentile99), TailTarget, "ms");
        section.Figure("slowest", latencies.Select(round => round.Max()), "ms");
        section.Figure("the census was at work", [busy], "% of the time");

        // From several addresses, as the bound of connections is by address.
        List<HttpConnection> connections = [.. Enumerable.Range(0, Scrapers).Select(i => peer.Connect((byte)(1 + (i % 5))))];
        connections.ForEach(other => Time(other));
        List<double> slowest = bench.Rounds($"{Scrapers} at once", () => Enumerable.Range(0, VolleysPerRound).Max(_ => Volley(connections)));
        connections.ForEach(other => other.Dispose());
        section.Bound($"{Scrapers} at once, the slowest", slowest, VolleyTarget, "ms");
        section.Figure("the page", [peer.Scrape().Length / 1000.0], "kB");
    }

    private static double CensusCpu(HttpConnection connection) => Daemon.ValueOf(connection.Get("/metrics"), "conn_collector_cpu_seconds_total", "\"census\"");

    private static double[] Latencies(HttpConnection connection)
    {
        double[] latencies = new double[ScrapesPerRound];
        for (int i = 0; i < latencies.Length; i++)
        {
            Thread.Sleep(Pause);
            latencies[i] = Time(connection);
        }

        return latencies;
    }

    private static double Percentile99(double[] values) => values.Order().ElementAt((int)(values.Length * 0.99));

    private static double Volley(List<HttpConnection> connections)
    {
        Thread.Sleep(VolleyPause);
        using var together = new Barrier(connections.Count);
        List<Task<double>> scrapers = [.. connections.Select(connection => Task.Factory.StartNew(
            () =>
            {
                together.SignalAndWait();
                return Time(connection);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        return scrapers.Max(scraper => scraper.GetAwaiter().GetResult());
    }

    private static double Time(HttpConnection connection)
    {
        long start = Stopwatch.GetTimestamp();
        HttpStatusCode status = connection.Ask("/metrics").Status;
        double took = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        return status == HttpStatusCode.OK ? took : throw new BenchmarkException($"a scrape was answered with {(int)status}");
    }
}
