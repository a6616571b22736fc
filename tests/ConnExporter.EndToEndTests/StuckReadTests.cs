using System.Diagnostics;
using System.Net;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>A read that the kernel never answers, played by a FIFO that nobody writes to.</summary>
[Collection(OneAtATime.Name)]
public sealed class StuckReadTests
{
    private const int Scrapes = 100;

    // Those that look less often by themselves.
    private static readonly string[] Seconds = ["states", "ports", "processes", "settings", "census", "udp"];
    private static readonly TimeSpan FastEnough = TimeSpan.FromMilliseconds(50);

    [Theory]
    [InlineData("net/netstat", "counters")]
    [InlineData("sys/fs/file-nr", "descriptors")]
    [InlineData("net/sockstat", "sockstat", "states", "udp")]
    public async Task A_read_that_never_returns_stops_its_own_collector_and_nothing_else(string file, params string[] stuck)
    {
        using var proc = ProcTree.With(file, LibC.MakeFifo);
        await using Daemon daemon = await Daemon.StartReadyAsync([$"--path.procfs={proc.Path}", "--sampling.cpu-budget=1", .. Seconds.Select(collector => $"--collector.{collector}.interval=1s")]);

        Page before = await daemon.ScrapeAsync();
        foreach (string collector in before.Collectors)
        {
            if (stuck.Contains(collector))
            {
                before.Outcome(collector).ShouldBe("stuck");
            }
            else
            {
                before.Outcome(collector).ShouldBe(before.Find("conn_collector_outcome", ("collector", collector), ("outcome", "absent")) == 1 ? "absent" : "ok", collector);
            }
        }

        TimeSpan[] durations = await MeasureAsync(daemon);
        durations[Scrapes / 2].ShouldBeLessThan(FastEnough);
        durations[^1].ShouldBeLessThan(FastEnough);

        await Eventually.Holds(async () =>
        {
            Page after = await daemon.ScrapeAsync();
            foreach (string collector in after.Collectors.Where(collector => after.Outcome(collector) == "ok"))
            {
                LastSuccess(after, collector).ShouldNotBeNull();
                LastSuccess(after, collector)!.Value.ShouldBeGreaterThan(LastSuccess(before, collector)!.Value, collector);
            }

            foreach (string collector in stuck)
            {
                LastSuccess(after, collector).ShouldBeNull();
            }
        });
        using HttpResponseMessage ready = await daemon.Client.GetAsync("/-/ready");
        ready.StatusCode.ShouldBe(HttpStatusCode.OK);
        foreach (string collector in stuck)
        {
            daemon.LogLines.Count(line => line.Contains($"Collector {collector} is stuck", StringComparison.Ordinal)).ShouldBe(1);
        }

        (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);
        exitCode.ShouldBe(0);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(3));
    }

    // It waits for what does not answer, and then still takes the second reading of what does.
    [Fact]
    public async Task A_single_look_judges_what_rises_beside_a_read_that_never_returns()
    {
        using var proc = ProcTree.With("sys/fs/file-nr", LibC.MakeFifo);

        Finished run = await new Launch("diagnose", "--json", "--netns=host", $"--path.procfs={proc.Path}", "--web.listen-address=127.0.0.1:1").RunAsync();

        run.Output.ShouldContain("descriptors");
        run.Output.ShouldContain("the kernel has not answered");
        run.Output.ShouldNotContain("read only once");
        run.ExitCode.ShouldBeOneOf(1, 2, 3);
    }

    [Fact]
    public async Task A_collector_that_comes_unstuck_reads_again()
    {
        using var proc = ProcTree.With("net/netstat", LibC.MakeFifo);
        await using Daemon daemon = await Daemon.StartReadyAsync($"--path.procfs={proc.Path}");
        (await daemon.ScrapeAsync()).Outcome("counters").ShouldBe("stuck");

        // The blocked open() returns, and the next one finds the kernel's file.
        string fifo = Path.Join(proc.Path, "net/netstat");
        await using (new FileStream(fifo, FileMode.Open, FileAccess.Write))
        {
            File.Delete(fifo);
            File.CreateSymbolicLink(fifo, "/proc/net/netstat");
        }

        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Outcome("counters").ShouldBe("ok"));
    }

    private static double? LastSuccess(Page page, string collector) => page.Find("conn_collector_last_success_timestamp_seconds", ("collector", collector));

    private static async Task<TimeSpan[]> MeasureAsync(Daemon daemon)
    {
        var durations = new TimeSpan[Scrapes];
        for (int i = -20; i < Scrapes; i++)
        {
            var clock = Stopwatch.StartNew();
            using HttpResponseMessage answer = await daemon.GetMetricsAsync();
            await answer.Content.ReadAsByteArrayAsync();
            if (i >= 0)
            {
                durations[i] = clock.Elapsed;
            }
        }

        Array.Sort(durations);
        return durations;
    }
}
