using System.Diagnostics;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>How much memory the daemon takes, at rest and with very many sockets.</summary>
internal static class Memory
{
    private const int RestScrapes = 200;
    private const double RestTarget = 27;
    private const double RestPrivateTarget = 14;
    private const double EverTarget = 42;
    private const double EverPrivateTarget = 28;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(50);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan ScrapeEach = TimeSpan.FromSeconds(1);

    public static Part Part { get; } = new(
        "memory",
        "Memory",
        "resident and private memory at rest with TLS, and the highest with 1,000,000 sockets",
        settings => (settings.Rounds * (Rest + Busy)) + TimeSpan.FromSeconds(5 + (settings.Sockets / 20_000.0)),
        Run);

    private static void Run(Bench bench, Section section)
    {
        BenchmarkSettings settings = bench.Settings;
        section.Say($"All collectors, TLS on. At rest: {Rest.TotalSeconds:F0} s and {RestScrapes} scrapes over TLS after the start, with next to no sockets. "
            + $"The highest: {Busy.TotalSeconds:F0} s with {settings.Sockets:N0} ESTABLISHED sockets of {settings.Peers:N0} peers and a scrape each second, from the start on. Private is what no file backs (RssAnon).");
        using var web = new WebConfig();
        List<(double Resident, double Private)> rest = bench.Rounds("memory at rest", () => AtRest(bench, web));
        section.Target("at rest, resident", rest.Select(one => one.Resident), RestTarget, "MB");
        section.Target("at rest, private", rest.Select(one => one.Private), RestPrivateTarget, "MB");
        using var load = Load.Sockets(bench.Place, settings.Sockets, settings.Peers);
        List<(double Resident, double Private)> highest = bench.Rounds("highest memory", () => Highest(bench, web));
        section.Bound("the highest ever, resident", highest.Select(one => one.Resident), EverTarget, "MB");
        section.Bound("the highest ever, private", highest.Select(one => one.Private), EverPrivateTarget, "MB");
    }

    private static (double Resident, double Private) AtRest(Bench bench, WebConfig web)
    {
        using Peer peer = Launch(bench, web);
        using HttpConnection connection = Connected(peer, web);
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < RestScrapes; i++)
        {
            connection.Get("/metrics");
            Thread.Sleep((Rest - clock.Elapsed) / (RestScrapes - i));
        }

        return (peer.Resident, peer.Private);
    }

    private static (double Resident, double Private) Highest(Bench bench, WebConfig web)
    {
        using Peer peer = Launch(bench, web);
        double highest = 0;
        using HttpConnection connection = Connected(peer, web);
        var sinceScrape = Stopwatch.StartNew();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Busy; Thread.Sleep(Look))
        {
            // The kernel keeps the highest of the resident memory, but not of the private.
            highest = Math.Max(highest, peer.Private);
            if (sinceScrape.Elapsed >= ScrapeEach)
            {
                connection.Get("/metrics");
                sinceScrape.Restart();
            }
        }

        return (peer.PeakResident, highest);
    }

    private static Peer Launch(Bench bench, WebConfig web) => bench.Daemon.Launch(bench.Place, $"--web.config.file={web.Path}");

    private static HttpConnection Connected(Peer peer, WebConfig web)
    {
        peer.WaitForPort();
        return peer.Connect(tls: web);
    }
}
