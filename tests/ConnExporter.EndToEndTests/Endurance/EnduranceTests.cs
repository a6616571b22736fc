using System.Globalization;
using ConnExporter.EndToEndTests.Operations;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>
/// A day compressed: as many samples as the slow collectors take in one, under churn and scraped all the while, and nothing grows. CONN_EXPORTER_SAMPLES
/// sets how many samples each collector takes that reads each 100 ms; 10,000 take 17 minutes.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed class EnduranceTests(PublishedProgram program, ITestOutputHelper output)
{
    private const double Megabyte = 1e6;
    private static readonly int Samples = int.Parse(Environment.GetEnvironmentVariable("CONN_EXPORTER_SAMPLES") ?? "300", CultureInfo.InvariantCulture);

    // Tables grow to the size of what they hold, and code paths are taken for the first time.
    private static readonly int WarmUp = Math.Max(100, Samples / 10);
    private static readonly string[] Collectors = ["self", "states", "listeners", "counters", "sockstat", "ports", "census", "conntrack", "descriptors", "processes", "settings", "namespaces"];

    [FactThatNeeds(Need.Root, Need.Ip)]
    public async Task A_day_of_samples_under_churn_leaves_nothing_behind()
    {
        await using TestNetwork network = await TestNetwork.MakeAsync();
        await using SocketLab churn = await SocketLab.StartAsync(network, "churn", "--rate", "100");

        // Without the other network namespaces of the machine, which are not the test's: those of others that come and go would be measured.
        await using Daemon daemon = await Daemon.StartAsync(new Launch([.. Collectors.Select(collector => $"--collector.{collector}.interval=100ms"), "--sampling.cpu-budget=1", "--netns=host", "--web.listen-address=127.0.0.1:9057"])
        {
            Published = await program.FileAsync(),
            Under = network.Inside(),
        });
        using HttpClient client = network.NewClient(new Uri("http://127.0.0.1:9057"));
        var counts = new Counts();

        Use early = await WatchAsync(daemon, client, counts, WarmUp);
        int before = counts.Sum;
        Use late = await WatchAsync(daemon, client, counts, Samples);

        output.WriteLine($"{counts.Sum - before} samples, {string.Join(", ", counts.Each.Select(count => $"{count.Key} {count.Value}"))}");
        output.WriteLine($"from {early} to {late}");
        counts.Sum.ShouldBeGreaterThan(before + 1000);
        ((late.Anonymous - early.Anonymous) / Megabyte).ShouldBeLessThan(2, $"MB of memory of its own more: from {early} to {late}");
        ((late.Resident - early.Resident) / Megabyte).ShouldBeLessThan(2, $"MB of memory more: from {early} to {late}");
        late.Descriptors.ShouldBeLessThanOrEqualTo(early.Descriptors, $"from {early} to {late}");
        late.Threads.ShouldBeLessThanOrEqualTo(early.Threads, $"from {early} to {late}");
        (await churn.NumberAsync("made")).ShouldBeGreaterThan(Samples);
        daemon.LogLines.Count.ShouldBeLessThan(10, daemon.Log);
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    // The medians of what was in use while the last tenth of the samples was taken: memory goes up and down with each collection of garbage.
    private static async Task<Use> WatchAsync(Daemon daemon, HttpClient client, Counts counts, int samples)
    {
        var uses = new List<Use>();
        while (counts.Each.GetValueOrDefault("counters") < samples)
        {
            counts.Take(Page.Parse(await client.GetStringAsync("/metrics")));
            if (counts.Each.GetValueOrDefault("counters") >= samples - (samples / 10))
            {
                uses.Add(new Use(
                    daemon.ResidentBytes,
                    daemon.AnonymousBytes,
                    Directory.GetFiles($"/proc/{daemon.ProcessId}/fd").Length,
                    Directory.GetDirectories($"/proc/{daemon.ProcessId}/task").Length));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }

        return new Use(Median(uses, use => use.Resident), Median(uses, use => use.Anonymous), (int)Median(uses, use => use.Descriptors), (int)Median(uses, use => use.Threads));
    }

    private static long Median(List<Use> uses, Func<Use, long> of) => uses.Select(of).Order().ElementAt(uses.Count / 2);

    private sealed record Use(long Resident, long Anonymous, int Descriptors, int Threads);

    /// <summary>Samples of each collector that were seen to end.</summary>
    private sealed class Counts
    {
        private readonly Dictionary<string, double> last = [];

        public Dictionary<string, int> Each { get; } = [];

        public int Sum => Each.Values.Sum();

        public void Take(Page page)
        {
            foreach (string collector in Collectors)
            {
                if (page.Find("conn_collector_last_success_timestamp_seconds", ("collector", collector)) is { } at && at != last.GetValueOrDefault(collector))
                {
                    last[collector] = at;
                    Each[collector] = Each.GetValueOrDefault(collector) + 1;
                }
            }
        }
    }
}
