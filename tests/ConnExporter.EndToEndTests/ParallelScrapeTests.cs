using System.Diagnostics;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>Many scrapers at once, while the collectors publish as fast as they are allowed to.</summary>
public sealed class ParallelScrapeTests
{
    private const int Scrapers = 8;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task No_page_is_torn_whatever_its_format_and_coding()
    {
        string[] busy = ["self", "listeners", "counters", "sockstat", "ports", "conntrack", "descriptors"];
        await using Daemon daemon = await Daemon.StartReadyAsync([.. busy.Select(collector => $"--collector.{collector}.interval=100ms")]);

        Answer[][] answers = await Task.WhenAll(Enumerable.Range(0, Scrapers).Select(scraper => ScrapeAsync(daemon, openMetrics: scraper % 2 == 1, gzip: scraper % 4 >= 2)));

        ILookup<bool, Answer> byFormat = answers.SelectMany(answer => answer).ToLookup(answer => answer.OpenMetrics);
        var snapshots = new Dictionary<string, string>();
        foreach (IGrouping<bool, Answer> format in byFormat)
        {
            // Equal bytes need to be read once only.
            foreach (string text in format.Select(answer => answer.Text).Distinct())
            {
                var page = Page.Parse(text);
                page.OpenMetrics.ShouldBe(format.Key);
                snapshots.TryAdd(Moment(page) + format.Key, text).ShouldBeTrue("two different pages of one snapshot");
                page.Families.Count.ShouldBe(Page.Parse(format.First().Text).Families.Count);
            }
        }

        // The daemon had to render many: otherwise this has shown nothing.
        snapshots.Count.ShouldBeGreaterThan(50);
        byFormat[true].Count().ShouldBeGreaterThan(200);
        byFormat[false].Count().ShouldBeGreaterThan(200);
    }

    [Fact]
    public async Task Both_formats_tell_the_same()
    {
        // Nothing changes between the two scrapes but what the daemon says about itself.
        await using Daemon daemon = await Daemon.StartReadyAsync("--collector.disable-defaults", "--collector.ports", "--collector.ports.interval=1h");

        Page text = await daemon.ScrapeAsync();
        Page openMetrics = await daemon.ScrapeAsync(openMetrics: true);

        openMetrics.OpenMetrics.ShouldBeTrue();
        text.OpenMetrics.ShouldBeFalse();
        Others(openMetrics).ShouldBe(Others(text));

        static IEnumerable<KeyValuePair<string, double>> Others(Page page) => page.Series.Where(series => !series.Key.StartsWith("conn_exporter_connections", StringComparison.Ordinal));
    }

    private static async Task<Answer[]> ScrapeAsync(Daemon daemon, bool openMetrics, bool gzip)
    {
        using HttpClient client = Daemon.NewClient(daemon.Addresses[0]);
        var answers = new List<Answer>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Duration)
        {
            using HttpResponseMessage answer = await daemon.GetMetricsAsync(openMetrics, gzip, client);
            byte[] body = await answer.Content.ReadAsByteArrayAsync();
            HttpContentHeaders headers = answer.Content.Headers;
            headers.ContentLength.ShouldBe(body.Length);
            headers.ContentType!.MediaType.ShouldBe(openMetrics ? "application/openmetrics-text" : "text/plain");
            headers.ContentEncoding.ShouldBe(gzip ? ["gzip"] : []);
            answers.Add(new Answer(openMetrics, Encoding.UTF8.GetString(gzip ? Unpack(body) : body)));
        }

        return [.. answers];
    }

    private static byte[] Unpack(byte[] body)
    {
        using var packed = new GZipStream(new MemoryStream(body), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        packed.CopyTo(plain);
        return plain.ToArray();
    }

    // Each sample costs its collector CPU time, also one that fails: together with the times of the good ones, and what the web server counts, it
    // names the snapshot.
    private static string Moment(Page page) =>
        string.Join(' ', page.Series.Where(series => series.Key.StartsWith("conn_collector_last_success_timestamp_seconds", StringComparison.Ordinal)
            || series.Key.StartsWith("conn_collector_cpu_seconds_total", StringComparison.Ordinal)
            || series.Key.StartsWith("conn_exporter_", StringComparison.Ordinal)));

    private sealed record Answer(bool OpenMetrics, string Text);
}
