using System.Diagnostics;
using System.Globalization;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>
/// Hosts with very many network namespaces: the daemon lives, every scrape is answered, memory and CPU time keep to their bounds, and what is left out is counted.
/// CONN_EXPORTER_DENSE_SECONDS sets how long a thousand are watched; 600 is the whole of it.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed class DenseTests(PublishedProgram program, ITestOutputHelper output)
{
    private const long ResidentLimit = 100_000_000;

    // What the unit permits: MemoryMax=128M, of which the runtime takes three quarters for the bound of its heap.
    private const long UnitLimit = 128 << 20;
    private const double CpuBudget = 0.01;
    private const double BudgetWindow = 300;

    // What a sample costs beyond what was expected of it is known when it has been spent.
    private const double Margin = 1.2;
    private static readonly double Seconds = double.Parse(Environment.GetEnvironmentVariable("CONN_EXPORTER_DENSE_SECONDS") ?? "90", CultureInfo.InvariantCulture);

    [FactThatNeeds(Need.Root, Need.MemoryGroup)]
    public async Task A_thousand_network_namespaces_at_once_of_which_sixty_have_8000_peers_each()
    {
        await using CrowdedHost host = await CrowdedHost.MakeAsync();
        await using var group = ControlGroup.Make("memory");
        group.LimitMemory(UnitLimit);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch { Published = await program.FileAsync(), Under = [.. group.Inside, .. host.Inside] });

        Task crowd = host.AddAsync(1000, busy: 60, peers: 8000);
        Watched seen = await WatchAsync(daemon, TimeSpan.FromSeconds(Seconds));
        await crowd;

        output.WriteLine($"{seen}");
        group.Killed.ShouldBe(0);
        ShouldBeWell(seen, 1000);
        (seen.MostCpu / BudgetWindow).ShouldBeLessThan(CpuBudget * Margin, "share of a core that the collectors took over five minutes");
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [TheoryThatNeeds(Need.Root)]
    [InlineData(3000, 0, 0, 0)]
    [InlineData(1000, 1000, 1, 1)]
    [InlineData(500, 500, 0, 10)]
    public async Task Others_that_are_many_in_another_way(int count, int busy, int peers, int listeners)
    {
        await using CrowdedHost host = await CrowdedHost.MakeAsync();
        await host.AddAsync(count, busy, peers, listeners);

        // Often, so that each has its turn soon.
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--collector.namespaces.interval=500ms", "--sampling.cpu-budget=0.5") { Published = await program.FileAsync(), Under = host.Inside });
        await Eventually.Holds(TimeSpan.FromSeconds(120), async () => (await daemon.ScrapeAsync())["conn_namespaces", ("state", "read")].ShouldBeGreaterThanOrEqualTo(count));
        Watched seen = await WatchAsync(daemon, TimeSpan.FromSeconds(10));

        output.WriteLine($"{seen}");
        ShouldBeWell(seen, count);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [FactThatNeeds(Need.Root)]
    public async Task Namespaces_that_come_and_go_all_the_time_leave_nothing_behind()
    {
        await using CrowdedHost host = await CrowdedHost.MakeAsync();
        await host.AddAsync(200);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--collector.namespaces.interval=200ms", "--sampling.cpu-budget=0.5") { Published = await program.FileAsync(), Under = host.Inside });
        List<(long Anonymous, int Descriptors)> uses = [];
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(60))
        {
            await host.ReplaceAsync(50);
            (await daemon.ScrapeAsync()).Outcome("namespaces").ShouldBe("ok");
            uses.Add((daemon.AnonymousBytes, Directory.GetFiles($"/proc/{daemon.ProcessId}/fd").Length));
        }

        // The medians of the second and the last quarter: memory goes up and down with each collection of garbage.
        (long Anonymous, int Descriptors) early = Middle(uses[(uses.Count / 4)..(uses.Count / 2)]);
        (long Anonymous, int Descriptors) late = Middle(uses[^(uses.Count / 4)..]);
        output.WriteLine($"{uses.Count} times 50 replaced, from {early} to {late}");
        (late.Anonymous - early.Anonymous).ShouldBeLessThan(3_000_000);
        late.Descriptors.ShouldBeLessThanOrEqualTo(early.Descriptors + 1);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    private static (long Anonymous, int Descriptors) Middle(List<(long Anonymous, int Descriptors)> uses) =>
        (uses.Select(use => use.Anonymous).Order().ElementAt(uses.Count / 2), uses.Select(use => use.Descriptors).Order().ElementAt(uses.Count / 2));

    private static void ShouldBeWell(Watched seen, int count)
    {
        seen.MostResident.ShouldBeLessThanOrEqualTo(ResidentLimit);
        seen.Last["conn_namespaces", ("state", "seen")].ShouldBeGreaterThanOrEqualTo(count);
        seen.Last["conn_namespaces", ("state", "read")].ShouldBeGreaterThanOrEqualTo(count);
        seen.Last.Outcome("namespaces").ShouldBe("ok");
        seen.Last["conn_series_dropped_total", ("family", "conn_tcp_sockets")].ShouldBeGreaterThan(0, "what is left out is counted");
    }

    // Every scrape has to be answered with 200.
    private static async Task<Watched> WatchAsync(Daemon daemon, TimeSpan duration)
    {
        List<(double At, double Cpu)> spent = [];
        List<double> took = [];
        long resident = 0;
        Page page;
        var clock = Stopwatch.StartNew();
        do
        {
            double before = clock.Elapsed.TotalMilliseconds;
            page = await daemon.ScrapeAsync();
            took.Add(clock.Elapsed.TotalMilliseconds - before);
            resident = Math.Max(resident, daemon.ResidentBytes);
            spent.Add((clock.Elapsed.TotalSeconds, page.Collectors.Sum(collector => page.Find("conn_collector_cpu_seconds_total", ("collector", collector)) ?? 0)));
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
        while (clock.Elapsed < duration);

        double most = spent.Max(end => end.Cpu - spent.Where(begin => begin.At <= end.At && begin.At >= end.At - BudgetWindow).Min(begin => begin.Cpu));
        return new Watched(page, took.Count, resident, most, spent[^1].Cpu, took.Order().ElementAt(took.Count / 2), took.Max());
    }

    /// <summary>What was seen.</summary>
    /// <param name="Last">The last page.</param>
    /// <param name="Scrapes">How many were answered.</param>
    /// <param name="MostResident">Bytes in RAM at most.</param>
    /// <param name="MostCpu">CPU seconds of the collectors in any five minutes at most.</param>
    /// <param name="Cpu">CPU seconds of the collectors since the start.</param>
    /// <param name="MedianMilliseconds">A scrape.</param>
    /// <param name="SlowestMilliseconds">The slowest scrape.</param>
    private sealed record Watched(Page Last, int Scrapes, long MostResident, double MostCpu, double Cpu, double MedianMilliseconds, double SlowestMilliseconds)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"{Scrapes} scrapes, median {MedianMilliseconds:F1} ms, slowest {SlowestMilliseconds:F0} ms; {MostResident / 1e6:F1} MB resident at most; CPU of the collectors {MostCpu:F2} s in five minutes at most, {Cpu:F2} s in all; namespaces read {Last["conn_namespaces", ("state", "read")]}");
    }
}
