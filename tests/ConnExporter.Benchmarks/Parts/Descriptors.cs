namespace ConnExporter.Benchmarks.Parts;

/// <summary>What it costs to count the descriptors of every process.</summary>
internal static class Descriptors
{
    private const double Target = 0.05;
    private const double ListingTarget = 0.6;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ListingInterval = TimeSpan.FromSeconds(2);

    // With few processes the listing itself is all there is, and its price is the kernel's: no target there.
    private static readonly (int Processes, int Each, bool HasListingTarget)[] Loads = [(1_000, 300, true), (100, 10_000, false)];

    public static Part Part { get; } = new("descriptors", "Descriptors by process", "a sample against a scrape of process-exporter", settings => TimeSpan.FromSeconds(Loads.Length * (5 + (settings.Rounds * 32))), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say(
            "Linux 6.2 and newer tell the number of descriptors in one system call. On older kernels they are listed; here the daemon takes that path because its `--path.procfs` "
            + "is a directory of links into /proc, whose sizes it does not trust.");
        foreach ((int processes, int each, bool hasListingTarget) in Loads)
        {
            string name = $"{processes:N0} × {each:N0}";
            using var load = Load.Descriptors(bench.Place, processes, each);
            using var links = new ProcLinks();
            List<(double Counted, double Listed, double Theirs)> costs = bench.Rounds(name, () =>
            {
                double counted = bench.Daemon.Sample(bench.Place, "processes", Interval, 10).Cpu;
                double listed = bench.Daemon.Sample(bench.Place, "processes", ListingInterval, 4, $"--path.procfs={links.Path}").Cpu;
                using Peer rival = Rival.Processes(bench.Place);
                return (counted, listed, rival.ScrapeCost(3).Cpu);
            });
            section.Figure($"{name}: conn-exporter, a sample", costs.Select(cost => cost.Counted), "ms");
            section.Figure($"{name}: conn-exporter by listing, a sample", costs.Select(cost => cost.Listed), "ms");
            section.Figure($"{name}: process-exporter, a scrape", costs.Select(cost => cost.Theirs), "ms");
            section.Target($"{name}: sample ÷ process-exporter", costs.Select(cost => cost.Counted / cost.Theirs), Target, "×");
            IEnumerable<double> listing = costs.Select(cost => cost.Listed / cost.Theirs);
            if (hasListingTarget)
            {
                section.Target($"{name}: sample by listing ÷ process-exporter", listing, ListingTarget, "×");
            }
            else
            {
                section.Figure($"{name}: sample by listing ÷ process-exporter", listing, "×");
            }
        }
    }
}
