namespace ConnExporter.Benchmarks.Parts;

/// <summary>What the daemon costs where nothing happens.</summary>
internal static class Idle
{
    private const double Target = 0.15;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(30);

    public static Part Part { get; } = new("idle", "An idle host", "CPU with default settings and few sockets", settings => (2 * settings.Rounds * settings.Window) + Settle, Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"CPU of the whole process with default settings but `--netns=host`, next to no sockets and {Directory.EnumerateDirectories("/proc", "*").Count(path => char.IsAsciiDigit(path[^1]))} processes; rounds of {bench.Settings.Window.TotalSeconds:F0} s.");

        // The machine's own namespace is another one here; to read it each 15 s costs half as much again.
        using Peer peer = bench.Daemon.Start(bench.Place, "--netns=host");
        Thread.Sleep(Settle);
        section.Target("without scrapes", bench.Rounds("idle without scrapes", () => Share.Of(peer, bench.Settings.Window, scrape: false)), Target, "% of a core");
        section.Target($"with a scrape each {Share.ScrapeInterval.TotalSeconds:F0} s", bench.Rounds("idle with scrapes", () => Share.Of(peer, bench.Settings.Window, scrape: true)), Target, "% of a core");
    }
}
