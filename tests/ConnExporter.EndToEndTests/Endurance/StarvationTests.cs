using System.Diagnostics;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>Next to no CPU time, and next to no memory: scrapes are served, values are true or left out, and it recovers by itself.</summary>
[Collection(OneAtATime.Name)]
public sealed class StarvationTests(PublishedProgram program, ITestOutputHelper output)
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(12);

    // Alone these would take several times as much.
    private static readonly string[] Busy = ["states", "census", "processes", "listeners", "counters"];

    // What Prometheus gives a scrape unless told otherwise.
    private static readonly TimeSpan ScrapeTimeout = TimeSpan.FromSeconds(10);

    [FactThatNeeds(Need.Root, Need.CpuGroup)]
    public async Task With_two_percent_of_a_core_scrapes_are_served()
    {
        await using var group = ControlGroup.Make("cpu");
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch([.. Busy.Select(collector => $"--collector.{collector}.interval=100ms"), "--sampling.cpu-budget=1"]) { Published = await program.FileAsync(), Under = group.Inside });
        await daemon.ScrapeAsync();

        // As on a host that something else has taken over while it ran.
        group.LimitCpu(0.02);
        List<TimeSpan> took = [];
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Duration)
        {
            var scrape = Stopwatch.StartNew();
            Page page = await daemon.ScrapeAsync();
            took.Add(scrape.Elapsed);
            foreach (string collector in page.Collectors)
            {
                page.Outcome(collector).ShouldBeOneOf("ok", "absent", "stuck", null);
            }

            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        output.WriteLine($"{took.Count} scrapes, the slowest {took.Max().TotalMilliseconds:F0} ms; throttled {group.Throttled} times; {daemon.CpuTime.TotalSeconds:F2} s of CPU time");
        took.Max().ShouldBeLessThan(ScrapeTimeout);
        group.Throttled.ShouldBeGreaterThan(20, "it did want more");
        took.Count.ShouldBeGreaterThan(3);

        group.LimitCpu(1);
        await Eventually.Holds(async () =>
        {
            Page page = await daemon.ScrapeAsync();
            page.Outcome("counters").ShouldBe("ok");
            Age(page, "counters").ShouldBeLessThan(2);
        });
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    [FactThatNeeds(Need.Root, Need.MemoryGroup)]
    public async Task With_little_memory_it_is_not_the_one_that_is_killed()
    {
        const long Limit = 96 << 20;
        await using var group = ControlGroup.Make("memory");
        group.LimitMemory(Limit);
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--collector.census.interval=100ms", "--collector.processes.interval=100ms", "--sampling.cpu-budget=1") { Published = await program.FileAsync(), Under = group.Inside });
        long most = 0;
        int scrapes = 0;
        using var end = new CancellationTokenSource(Duration);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using HttpClient client = Daemon.NewClient(daemon.Addresses[0]);
            while (!end.IsCancellationRequested)
            {
                using HttpResponseMessage answer = await daemon.GetMetricsAsync(gzip: true, client: client);
                (await answer.Content.ReadAsByteArrayAsync(CancellationToken.None)).ShouldNotBeEmpty();
                Interlocked.Increment(ref scrapes);
                InterlockedMax(ref most, daemon.ResidentBytes);
            }
        }));

        output.WriteLine($"{scrapes} scrapes, {most >> 20} of {Limit >> 20} MiB");
        group.Killed.ShouldBe(0);
        scrapes.ShouldBeGreaterThan(100);
        Age(await daemon.ScrapeAsync(), "counters").ShouldBeLessThan(5);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    private static double Age(Page page, string collector) =>
        (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds - page["conn_collector_last_success_timestamp_seconds", ("collector", collector)];

    private static void InterlockedMax(ref long most, long value)
    {
        long seen = Volatile.Read(ref most);
        while (value > seen)
        {
            seen = Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
