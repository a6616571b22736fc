using System.Diagnostics;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>Whether memory grows with the number of samples, while connections come and go.</summary>
internal static class Growth
{
    private const int Rate = 300;
    private const double Target = 2;
    private const int SamplesPerScrape = 10;

    // The shortest there is.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly string[] Collectors = ["self", "states", "listeners", "counters", "sockstat", "ports", "census", "conntrack", "descriptors", "processes", "settings", "namespaces"];

    public static Part Part { get; } = new("growth", "Memory over time", "growth of memory over 10,000 samples under churn", settings => settings.GrowthSamples * Interval, Run);

    private static void Run(Bench bench, Section section)
    {
        int samples = bench.Settings.GrowthSamples;
        section.Say($"Every collector takes a sample each {Interval.TotalMilliseconds:F0} ms, while {Rate} connections a second come and go; a scrape each {SamplesPerScrape} samples. A collector that takes longer than its interval takes fewer samples. Once, as it takes long.");
        using var churn = Load.Churn(bench.Place, Rate);
        using Peer peer = bench.Daemon.StartFixed(bench.Place, Collectors.Select(name => $"--collector.{name}.interval={Interval.TotalMilliseconds:F0}ms"));
        var clock = Stopwatch.StartNew();
        double early = After(peer, clock, samples / 10);
        Bench.Say($"  {early:F2} MB private after {samples / 10} samples");
        double late = After(peer, clock, samples);
        section.Figure($"private memory after {samples / 10:N0} samples, lowest of the last fifth", [early], "MB");
        section.Figure($"private memory after {samples:N0} samples, lowest of the last fifth", [late], "MB");
        section.Bound("growth", [late - early], Target, "MB");
    }

    // Garbage not yet collected moves up and down; what stays is the lowest of many looks.
    private static double After(Peer peer, Stopwatch clock, int samples)
    {
        double lowest = double.MaxValue;
        while (clock.Elapsed < samples * Interval)
        {
            Thread.Sleep(SamplesPerScrape * Interval);
            peer.Scrape();
            lowest = clock.Elapsed >= 0.8 * samples * Interval ? Math.Min(lowest, peer.Private) : lowest;
        }

        return lowest;
    }
}
