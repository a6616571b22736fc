using System.Diagnostics;

namespace ConnExporter.Benchmarks;

/// <summary>The share of a core that an exporter takes over some time.</summary>
internal static class Share
{
    /// <summary>How often Prometheus comes.</summary>
    public static readonly TimeSpan ScrapeInterval = TimeSpan.FromSeconds(15);

    /// <summary>Measures for a time.</summary>
    /// <param name="peer">The exporter.</param>
    /// <param name="window">For how long.</param>
    /// <param name="scrape">Whether it is scraped meanwhile.</param>
    /// <returns>Percent.</returns>
    public static double Of(Peer peer, TimeSpan window, bool scrape)
    {
        TimeSpan before = peer.Cpu;
        var clock = Stopwatch.StartNew();
        while (window - clock.Elapsed is var left && left > TimeSpan.Zero)
        {
            if (scrape)
            {
                peer.Scrape();
            }

            Thread.Sleep(left < ScrapeInterval ? left : ScrapeInterval);
        }

        return (peer.Cpu - before) / clock.Elapsed * 100;
    }
}
