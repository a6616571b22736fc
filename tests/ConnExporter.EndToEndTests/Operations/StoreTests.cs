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

    private static string Authority(string address) => new Uri(address).Authority;
}
