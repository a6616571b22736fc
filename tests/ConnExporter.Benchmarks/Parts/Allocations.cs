using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Benchmarks.Parts;

/// <summary>What the sampling path allocates by item: from two sizes of the same load, so that what a sample allocates as such falls out.</summary>
internal static class Allocations
{
    // The census looks at 10,000 descriptors a round for who holds the sockets, and grows its table with what it finds.
    private const int WarmUp = 24;
    private const int Samples = 12;
    private const double Target = 0;

    private static readonly CensusOptions CensusDefaults = new(Top: 20, Destinations: 50, Keys: 65_536, FoldV4: 32, FoldV6: 128, IdleAges: false);

    private static readonly Case[] Cases =
    [
        new("socket, states (CLOSE_WAIT)", 1_000, 9_000, (place, count) => Load.CloseWait(place, count), (kernel, _) => new StatesCollector(kernel)),
        new("socket, census", 10_000, 100_000, (place, count) => Load.Sockets(place, count, 1_000), (kernel, _) => new CensusCollector(kernel, CensusDefaults)),
        new("peer, census", 1_000, 50_000, (place, count) => Load.Sockets(place, 50_000, count), (kernel, _) => new CensusCollector(kernel, CensusDefaults)),
        new("line of /proc/net/tcp, states without sock_diag", 1_000, 20_000, (place, count) => Load.Sockets(place, count), (kernel, _) => new StatesCollector(kernel with { OpenSockDiag = NoSockDiag })),
        new("process, descriptors", 100, 1_000, (place, count) => Load.Descriptors(place, count, 10), (kernel, _) => new ProcessesCollector(kernel)),
        new("process, descriptors by listing", 100, 1_000, (place, count) => Load.Descriptors(place, count, 10), (kernel, links) => new ProcessesCollector(kernel with { Proc = links })),
        new("descriptor", 300, 3_000, (place, count) => Load.Descriptors(place, 100, count), (kernel, _) => new ProcessesCollector(kernel)),
        new("descriptor by listing", 300, 3_000, (place, count) => Load.Descriptors(place, 100, count), (kernel, links) => new ProcessesCollector(kernel with { Proc = links })),
        new("listener beyond those on the page", 200, 700, (place, count) => Load.Listeners(place, count), (kernel, _) => new ListenersCollector(kernel)),
    ];

    public static Part Part { get; } = new("allocations", "Allocations on the sampling path", "bytes allocated by socket, descriptor, process and line", _ => TimeSpan.FromSeconds(10 * Cases.Length), Run);

    private static void Run(Bench bench, Section section)
    {
        section.Say($"Managed bytes that the sampling thread allocates, by item: the difference between two sizes of the same load, divided by the difference in items; {Samples} samples after {WarmUp} others, measured in this process.");
        List<string[]> rows = [];
        List<double> all = [];
        foreach (Case one in Cases)
        {
            Bench.Say($"  {one.Item}");
            double few = PerSample(bench, one, one.Few);
            double many = PerSample(bench, one, one.Many);
            double each = (many - few) / (one.Many - one.Few);

            // The smallest object has 24 bytes: a fraction of one is a table that grew or a name that is longer.
            all.Add(Math.Round(each));
            rows.Add([one.Item, $"{one.Few:N0} → {one.Many:N0}", few.ToText(), many.ToText(), each.ToText()]);
        }

        section.Table(["item", "items", "bytes a sample, few", "bytes a sample, many", "allocated by item"], rows);
        section.Bound("most whole bytes by item", all, Target, "B");
    }

    private static double PerSample(Bench bench, Case one, int count)
    {
        using Load load = one.Make(bench.Place, count);
        using var links = new ProcLinks();
        return bench.Place.Inside(() =>
        {
            // The namespace of this thread: /proc/net is that of the main thread.
            using Collector collector = one.Create(KernelSource.Host() with { Proc = new ProcFs("/proc", "thread-self/net") }, new ProcFs(links.Path));
            var context = new CollectContext(TimeProvider.System, _ => { });
            for (int i = 0; i < WarmUp; i++)
            {
                collector.Collect(context);
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Samples; i++)
            {
                collector.Collect(context);
            }

            return (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Samples;
        });
    }

    private static ConnExporter.Kernel.Netlink.NetlinkSocket NoSockDiag() => throw new KernelReadException(FailureKind.Absent, "absent", "sock_diag: left out for this measurement");

    private sealed record Case(string Item, int Few, int Many, Func<TestNamespace, int, Load> Make, Func<KernelSource, ProcFs, Collector> Create);
}
