using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>
/// Many hosts on one Prometheus with the shipped rules, and the same series in a VictoriaMetrics by remote write. The hosts are one daemon on
/// as many addresses of loopback. CONN_EXPORTER_FLEET sets how many; the figures go to artifacts/fleet.md, and from there to docs/fleet.md.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed class FleetTests
{
    private const string FirstHost = "127.1.0.1";
    private static readonly int Hosts = int.Parse(Environment.GetEnvironmentVariable("CONN_EXPORTER_FLEET") ?? "25", CultureInfo.InvariantCulture);

    /// <summary>Seconds between scrapes: short for few hosts, as shipped for many.</summary>
    private static readonly int Interval = Hosts > 100 ? 15 : 2;

    [FactThatNeeds(Need.Prometheus, Need.VictoriaMetrics)]
    public async Task Prometheus_bears_the_fleet_and_remote_write_shows_the_same_numbers()
    {
        using var directory = new TemporaryDirectory();
        await using Daemon daemon = await Daemon.StartReadyAsync("--web.listen-address=127.0.0.1:0", "--web.listen-address=0.0.0.0:0");
        int port = daemon.Addresses[1].Port;
        int storePort = FreePort.Next();
        await using Server store = await Server.StartAsync(
            ["victoria-metrics", $"-httpListenAddr=127.0.0.1:{storePort}", $"-storageDataPath={directory["store"]}", "-search.latencyOffset=0s"],
            directory.Path,
            PatientClient(storePort),
            "/health");
        int prometheusPort = FreePort.Next();
        Configure(directory, port, prometheusPort, storePort);
        await using Server prometheus = await Server.StartAsync(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", $"--web.listen-address=127.0.0.1:{prometheusPort}"],
            directory.Path,
            PatientClient(prometheusPort),
            "/-/ready");

        // Three scrapes of each, so that rates and rules have run as they will for ever.
        await Eventually.Holds(TimeSpan.FromSeconds(30 + (6 * Interval)), async () => (await prometheus.NumberAsync("count(count_over_time(up{job=\"conn\"}[10m]) >= 3)")).ShouldBe(Hosts));
        TimeSpan cpuBefore = prometheus.CpuTime;
        var clock = Stopwatch.StartNew();
        await Eventually.Holds(TimeSpan.FromSeconds(30 + (6 * Interval)), async () => (await prometheus.NumberAsync("min(count_over_time(up{job=\"conn\"}[10m]))")).ShouldBeGreaterThanOrEqualTo(6));
        double cpu = (prometheus.CpuTime - cpuBefore) / clock.Elapsed;

        (await prometheus.NumberAsync("sum(up{job=\"conn\"})")).ShouldBe(Hosts);
        (await prometheus.NumberAsync("min(min_over_time(up{job=\"conn\"}[10m]))")).ShouldBe(1, "a scrape failed");
        await Eventually.Holds(TimeSpan.FromSeconds(120), async () => (await prometheus.NumberAsync("job:up:sum")).ShouldBe(Hosts, "the rules have run"));
        Dictionary<string, double> groups = await RuleSecondsAsync(prometheus);
        groups.Values.ShouldAllBe(seconds => seconds < Interval);

        double series = await prometheus.NumberAsync("prometheus_tsdb_head_series{job=\"prometheus\"}");
        double samples = await prometheus.NumberAsync("avg(scrape_samples_post_metric_relabeling{job=\"conn\"})");
        double scrape = await prometheus.NumberAsync("quantile(0.99, scrape_duration_seconds{job=\"conn\"})");
        double bytes = await prometheus.NumberAsync(
            "rate(prometheus_remote_storage_bytes_total{job=\"prometheus\"}[1m]) / rate(prometheus_remote_storage_samples_total{job=\"prometheus\"}[1m])");
        long memory = prometheus.ResidentBytes;
        string report = string.Create(CultureInfo.InvariantCulture, $"""
            | | |
            |---|---|
            | hosts, interval | {Hosts}, {Interval} s |
            | samples a scrape | {samples:F0} |
            | series in the head | {series:F0} |
            | Prometheus, resident | {memory / 1048576} MiB, {memory / series:F0} bytes a series |
            | Prometheus, CPU | {cpu:F2} of a core |
            | scrape, 99 % | {scrape * 1000:F0} ms |
            | remote write | {bytes:F1} bytes a sample |
            | VictoriaMetrics, resident | {store.ResidentBytes / 1048576} MiB |
            {string.Join('\n', groups.Select(group => string.Create(CultureInfo.InvariantCulture, $"| rules, {group.Key} | {group.Value * 1000:F1} ms |")))}

            """);
        string artifacts = Path.Join(Repository.Root, "artifacts");
        Directory.CreateDirectory(artifacts);
        await File.WriteAllTextAsync(Path.Join(artifacts, "fleet.md"), report);

        await SameNumbersAsync(prometheus, store, port);
    }

    // A store that has just been given half a million series takes its time to look them up.
    private static HttpClient PatientClient(int port)
    {
        HttpClient client = Daemon.NewClient(new Uri($"http://127.0.0.1:{port}"));
        client.Timeout = TimeSpan.FromMinutes(1);
        return client;
    }

    /// <summary>The shipped rules, and each host as a target of its own.</summary>
    private static void Configure(TemporaryDirectory directory, int port, int prometheusPort, int storePort)
    {
        var targets = new StringBuilder("- targets:\n");
        for (int host = 0; host < Hosts; host++)
        {
            targets.Append(CultureInfo.InvariantCulture, $"    - 127.1.{host / 250}.{1 + (host % 250)}:{port}\n");
        }

        // A short test waits for no roll-up of a minute.
        string[] rules = Shipped.CopyRules(directory, text => Hosts > 100 ? text : text.Replace("interval: 1m", $"interval: {Interval}s", StringComparison.Ordinal));
        directory.Write("targets.yml", targets.ToString());
        directory.Write("prometheus.yml", $$"""
            global: {scrape_interval: {{Interval}}s, scrape_timeout: {{Math.Min(Interval, 5)}}s, evaluation_interval: {{Interval}}s}
            rule_files: [{{string.Join(", ", rules)}}]
            scrape_configs:
            - {job_name: conn, sample_limit: 6000, file_sd_configs: [{files: [targets.yml]}]}
            - {job_name: prometheus, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: ['127.0.0.1:{{prometheusPort}}']}]}
            remote_write: [{url: 'http://127.0.0.1:{{storePort}}/api/v1/write'}]

            """);
    }

    private static async Task<Dictionary<string, double>> RuleSecondsAsync(Server prometheus)
    {
        using JsonDocument rules = await prometheus.GetAsync("/api/v1/rules");
        return rules.RootElement.GetProperty("data").GetProperty("groups").EnumerateArray()
            .ToDictionary(group => group.GetProperty("name").GetString()!, group => group.GetProperty("evaluationTime").GetDouble());
    }

    /// <summary>At one moment, which both have by then, each series of each host has the same value in both.</summary>
    private static async Task SameNumbersAsync(Server prometheus, Server store, int port)
    {
        long time = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string At(string query) => $"/api/v1/query?time={time}&query={Uri.EscapeDataString(query)}";
        (Dictionary<string, string> Labels, double Value)[] families = await prometheus.QueryAsync($"count by (__name__) ({{job=\"conn\", instance=\"{FirstHost}:{port}\", __name__=~\"conn_.*\"}})");
        families.Length.ShouldBeGreaterThan(60);
        foreach (string family in families.Select(family => family.Labels["__name__"]))
        {
            // A family at a time: the store does not answer for all series of a fleet at once.
            string path = At($"{family}{{job=\"conn\"}}");
            Dictionary<string, double> scraped = await ValuesAsync(prometheus, path);
            scraped.ShouldNotBeEmpty(family);
            await Eventually.Holds(TimeSpan.FromSeconds(90), async () =>
            {
                Dictionary<string, double> stored = await ValuesAsync(store, path);
                stored.Count.ShouldBe(scraped.Count, family);

                // The store keeps 15 digits.
                scraped.Where(series => Math.Abs(stored[series.Key] - series.Value) > Math.Abs(series.Value) * 1e-9).ShouldBeEmpty();
            });
        }
    }

    private static async Task<Dictionary<string, double>> ValuesAsync(Server server, string path)
    {
        using JsonDocument answer = await server.GetAsync(path);
        return answer.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().ToDictionary(
            series => string.Join(',', series.GetProperty("metric").EnumerateObject().Select(label => $"{label.Name}={label.Value}").Order(StringComparer.Ordinal)),
            series => double.Parse(series.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture));
    }
}
