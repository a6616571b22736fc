using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>A real Prometheus reads both formats, and stores what is on the page.</summary>
public sealed partial class PrometheusTests
{
    private const string OpenMetrics = "openmetrics";
    private const string Text = "text";

    [FactThatNeeds(Need.Prometheus)]
    public async Task Prometheus_stores_every_series_of_both_formats_as_it_is_on_the_page()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync();
        await using var openMetrics = new RecordingProxy(daemon);
        await using var text = new RecordingProxy(daemon, "text/plain;version=0.0.4");
        await using PrometheusServer prometheus = await PrometheusServer.StartAsync((OpenMetrics, openMetrics.Target), (Text, text.Target), ("direct", daemon.Addresses[0].Authority));

        await Eventually.Holds(async () => (await prometheus.NumberAsync("count(count_over_time(up[1m]) >= 4)")).ShouldBe(3));
        (await prometheus.NumberAsync("sum(up)")).ShouldBe(3);
        (await prometheus.NumberAsync("min(min_over_time(up[1m]))")).ShouldBe(1, "no scrape failed");

        openMetrics.Freeze();
        text.Freeze();
        await Eventually.Holds(() => Math.Min(openMetrics.FrozenAnswers, text.FrozenAnswers).ShouldBeGreaterThanOrEqualTo(2));
        openMetrics.Head.ShouldContain("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8");
        text.Head.ShouldContain("Content-Type: text/plain; version=0.0.4; charset=utf-8");
        await StoredAsync(prometheus, OpenMetrics, openMetrics.ReadPage());
        await StoredAsync(prometheus, Text, text.ReadPage());

        Dictionary<string, string> errors = await prometheus.LastErrorsAsync();
        errors.Keys.ShouldBe([OpenMetrics, Text, "direct"], ignoreOrder: true);
        errors.Values.ShouldAllBe(error => error == "");
        prometheus.LogLines.ShouldNotContain(line =>
            line.Contains("ppend failed", StringComparison.Ordinal) || line.Contains("Error on ingesting", StringComparison.Ordinal) || line.Contains("Scrape failed", StringComparison.Ordinal)
            || (line.Contains("scrape", StringComparison.Ordinal) && (line.Contains("level=warn", StringComparison.Ordinal) || line.Contains("level=error", StringComparison.Ordinal))));
    }

    // To Prometheus an empty label is none.
    private static string AsStored(string series) => EmptyLabel().Replace(series, "");

    [GeneratedRegex("(?<=[{,])[a-z_]+=(,|(?=}))|,[a-z_]+=(?=})", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex EmptyLabel();

    private static async Task StoredAsync(PrometheusServer prometheus, string job, Page page)
    {
        page.Series.Count.ShouldBeGreaterThan(100);

        // What Prometheus adds about the scrape itself has no such prefix.
        Dictionary<string, double> stored = await prometheus.QueryAsync($"{{job=\"{job}\", __name__=~\"(conn|process)_.*\"}}");
        stored.OrderBy(series => series.Key, StringComparer.Ordinal).ShouldBe(page.Series.Select(series => KeyValuePair.Create(AsStored(series.Key), series.Value)).OrderBy(series => series.Key, StringComparer.Ordinal));
    }
}
