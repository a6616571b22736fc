using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>Many scrapers at once, while the collectors publish as fast as they are allowed to.</summary>
public sealed class ParallelScrapeTests
{
    private const int Scrapers = 8;

    // Moves on with each answer, not with snapshots.
    private const string OfAnswers = "conn_exporter_request_duration_seconds";
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task No_page_is_torn_whatever_its_format_and_coding()
    {
        string[] busy = ["self", "listeners", "counters", "sockstat", "ports", "conntrack", "descriptors"];
        await using Daemon daemon = await Daemon.StartReadyAsync(["--sampling.cpu-budget=1", .. busy.Select(collector => $"--collector.{collector}.interval=100ms")]);

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

        static IEnumerable<KeyValuePair<string, double>> Others(Page page) => page.Series.Where(series => !series.Key.StartsWith("conn_exporter_connections", StringComparison.Ordinal) && !series.Key.StartsWith(OfAnswers, StringComparison.Ordinal) && series.Key != "conn_diagnosis_timestamp_seconds{}");
    }

    [Fact]
    public async Task Beyond_the_limit_requests_are_told_to_come_back_and_the_others_are_served_whole()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync("--web.max-requests=1");
        int served = 0;
        int turnedAway = 0;
        await Eventually.Holds(async () =>
        {
            await Task.WhenAll(Enumerable.Range(0, Scrapers).Select(async _ =>
            {
                using HttpClient client = Daemon.NewClient(daemon.Addresses[0]);
                for (int i = 0; i < 20; i++)
                {
                    using HttpResponseMessage answer = await client.GetAsync("/metrics");
                    if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
                    {
                        answer.Headers.RetryAfter.ShouldNotBeNull().Delta.ShouldBe(TimeSpan.FromSeconds(1));
                        Interlocked.Increment(ref turnedAway);
                        continue;
                    }

                    Page.Parse(await answer.Content.ReadAsStringAsync());
                    Interlocked.Increment(ref served);
                }
            }));
            turnedAway.ShouldBeGreaterThan(0);
            served.ShouldBeGreaterThan(0);
        });

        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_requests_refused_total", ("reason", "busy")].ShouldBe(turnedAway));
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

    // Each sample costs its collector CPU time, also one that fails: together with the times of the good ones and of the diagnosis, and what
    // the web server counts, it names the snapshot.
    private static string Moment(Page page) =>
        string.Join(' ', page.Series.Where(series => series.Key.StartsWith("conn_collector_last_success_timestamp_seconds", StringComparison.Ordinal)
            || series.Key.StartsWith("conn_collector_cpu_seconds_total", StringComparison.Ordinal)
            || series.Key.StartsWith("conn_diagnosis_", StringComparison.Ordinal)
            || (series.Key.StartsWith("conn_exporter_", StringComparison.Ordinal) && !series.Key.StartsWith(OfAnswers, StringComparison.Ordinal))));

    private sealed record Answer(bool OpenMetrics, string Text);
}
