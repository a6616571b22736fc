using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>A Prometheus in agent mode sends to a store, and the store's own alerting evaluates the shipped rules.</summary>
public sealed class StoreTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [FactThatNeeds(Need.Prometheus, Need.VictoriaMetrics)]
    public async Task The_rules_are_evaluated_where_an_agent_sends_to()
    {
        using var directory = new TemporaryDirectory();
        await using Daemon daemon = await Daemon.StartReadyAsync();
        string store = $"http://127.0.0.1:{FreePort.Next()}";
        string agent = $"http://127.0.0.1:{FreePort.Next()}";
        string alerts = $"http://127.0.0.1:{FreePort.Next()}";
        await using Server victoriaMetrics = await Server.StartAsync(
            ["victoria-metrics", $"-httpListenAddr={Authority(store)}", $"-storageDataPath={directory["store"]}", "-search.latencyOffset=0s"], directory.Path, Daemon.NewClient(new Uri(store)), "/health");
        Directory.CreateDirectory(directory["targets"]);
        directory.Write("targets/site.yml", $"- targets: ['{daemon.Addresses[0].Authority}']\n");
        directory.Write("prometheus-agent.yml", (await File.ReadAllTextAsync(Path.Join(Shipped.Prometheus, "prometheus-agent.yml")))
            .Replace("http://localhost:8428", store, StringComparison.Ordinal)
            .Replace("scrape_interval: 15s", "scrape_interval: 1s", StringComparison.Ordinal)
            .Replace("scrape_timeout: 5s", "scrape_timeout: 1s", StringComparison.Ordinal));
        await using Server prometheus = await Server.StartAsync(
            ["prometheus", "--enable-feature=agent", "--config.file=prometheus-agent.yml", "--storage.agent.path=agent", $"--web.listen-address={Authority(agent)}"],
            directory.Path,
            Daemon.NewClient(new Uri(agent)),
            "/-/ready");

        await Eventually.Holds(Patience, async () => (await victoriaMetrics.NumberAsync("sum(up{job=\"conn\", site=\"example\"})")).ShouldBe(1));

        string[] rules = Shipped.CopyRules(directory, text => text.Replace("interval: 1m", "interval: 1s", StringComparison.Ordinal));
        await using Server vmalert = await Server.StartAsync(
            ["vmalert", .. rules.Select(file => $"-rule={file}"), $"-datasource.url={store}", $"-remoteWrite.url={store}", $"-notifier.url={store}", "-evaluationInterval=1s", $"-httpListenAddr={Authority(alerts)}"],
            directory.Path,
            Daemon.NewClient(new Uri(alerts)),
            "/health");
        await Eventually.Holds(Patience, async () =>
        {
            (await victoriaMetrics.NumberAsync("job:up:sum")).ShouldBe(1);
            (await victoriaMetrics.QueryAsync("instance_state:conn_tcp_sockets:sum{state=\"established\"}")).ShouldNotBeEmpty();
        });
        vmalert.Log.ShouldNotContain("\terror\t");
    }

    [FactThatNeeds(Need.VictoriaMetrics)]
    public async Task VictoriaMetrics_stores_every_series_of_both_formats_as_it_is_on_the_page()
    {
        using var directory = new TemporaryDirectory();
        await using Daemon daemon = await Daemon.StartReadyAsync();
        await using var openMetrics = new RecordingProxy(daemon, "application/openmetrics-text;version=1.0.0");
        await using var text = new RecordingProxy(daemon, "text/plain;version=0.0.4");
        string store = $"http://127.0.0.1:{FreePort.Next()}";
        directory.Write("scrape.yml", $"""
            global:
              scrape_interval: 1s
            scrape_configs:
              - job_name: openmetrics
                static_configs:
                  - targets: ["{openMetrics.Target}"]
              - job_name: text
                static_configs:
                  - targets: ["{text.Target}"]

            """);
        await using Server victoriaMetrics = await Server.StartAsync(
            ["victoria-metrics", $"-httpListenAddr={Authority(store)}", $"-storageDataPath={directory["store"]}", $"-promscrape.config={directory["scrape.yml"]}", "-search.latencyOffset=0s"], directory.Path, Daemon.NewClient(new Uri(store)), "/health");
        await Eventually.Holds(Patience, async () => (await victoriaMetrics.NumberAsync("count(count_over_time(up[1m]) >= 2)")).ShouldBe(2));
        openMetrics.Freeze();
        text.Freeze();
        await Eventually.Holds(Patience, () =>
        {
            Math.Min(openMetrics.FrozenAnswers, text.FrozenAnswers).ShouldBeGreaterThanOrEqualTo(3);
            return Task.CompletedTask;
        });
        openMetrics.Head.ShouldContain("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8");

        foreach ((string job, Page page) in ((string, Page)[])[("openmetrics", openMetrics.ReadPage()), ("text", text.ReadPage())])
        {
            page.Series.Count.ShouldBeGreaterThan(100);
            await Eventually.Holds(Patience, async () =>
            {
                (Dictionary<string, string> Labels, double Value)[] stored = await victoriaMetrics.QueryAsync($"{{job=\"{job}\", __name__=~\"(conn|process)_.*\"}}");
                Dictionary<string, double> found = stored.ToDictionary(series => Page.Key(series.Labels["__name__"], series.Labels.Where(label => label.Key is not ("__name__" or "job" or "instance")).Select(label => (label.Key, label.Value))), series => series.Value);
                found.Keys.Order(StringComparer.Ordinal).ShouldBe(page.Series.Keys.Select(AsStored).Order(StringComparer.Ordinal));

                // It keeps decimal digits, fifteen or so of them.
                foreach ((string series, double value) in page.Series)
                {
                    found[AsStored(series)].ShouldBe(value, (Math.Abs(value) * 1e-11) + 1e-15, series);
                }
            });
        }

        victoriaMetrics.Log.ShouldNotContain("cannot parse");
    }

    // To a store an empty label is none.
    private static string AsStored(string series) => Regex.Replace(series, "(?<=[{,])[a-z_]+=(,|(?=}))|,[a-z_]+=(?=})", "", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));

    private static string Authority(string address) => new Uri(address).Authority;
}
