using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Operations;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>
/// Restarts under load, told to end and killed in turn: what the kernel counts is continuous at a real Prometheus, which never sees a counter go back
/// nor one that has more than the kernel counted. CONN_EXPORTER_RESTARTS sets how many.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed partial class RestartTests
{
    private const int Port = 9057;
    private static readonly int Restarts = int.Parse(Environment.GetEnvironmentVariable("CONN_EXPORTER_RESTARTS") ?? "20", CultureInfo.InvariantCulture);

    // Readings outlive failing successors by three intervals of a second, a sample is stuck after two more.
    private static readonly TimeSpan OldestReading = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestScrape = TimeSpan.FromSeconds(1);

    private static readonly (string Series, string Block, string Column)[] Witnessed =
    [
        ("conn_tcp_active_opens_total", "Tcp", "ActiveOpens"),
        ("conn_tcp_passive_opens_total", "Tcp", "PassiveOpens"),
        ("conn_tcp_segments_sent_total", "Tcp", "OutSegs"),
        ("conn_tcp_time_wait_total", "TcpExt", "TW"),
        ("conn_tcp_listen_overflows_total", "TcpExt", "ListenOverflows"),
        ("conn_tcp_listen_drops_total", "TcpExt", "ListenDrops"),
        ("conn_tcp_syn_retransmits_total", "TcpExt", "TCPSynRetrans"),
    ];

    [FactThatNeeds(Need.Root, Need.Ip, Need.Prometheus)]
    public async Task Whatever_ends_it_the_counters_of_the_kernel_are_continuous_at_the_scraper()
    {
        using var directory = new TemporaryDirectory();
        await using TestNetwork network = await TestNetwork.MakeAsync();
        await using SocketLab churn = await SocketLab.StartAsync(network, "churn", "--rate", "200");
        await using SocketLab full = await SocketLab.StartAsync(network, "backlog", "--limit", "2", "--clients", "6");
        directory.Write("prometheus.yml", $"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: conn, static_configs: [{{targets: ['127.0.0.1:{Port}']}}]}}]\n");
        await using Server prometheus = await Server.StartAsync(
            network.Inside("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:9090"), directory.Path, network.NewClient(new Uri("http://127.0.0.1:9090")), "/-/ready");
        using var end = new CancellationTokenSource();
        Task<List<Look>> looking = LookAsync(churn.ProcessId, end.Token);

        double started = 0;
        for (int restart = 0; restart <= Restarts; restart++)
        {
            await using Daemon daemon = await Daemon.StartAsync(new Launch("--netns=host", $"--web.listen-address=127.0.0.1:{Port}") { Under = network.Inside() });

            // Until Prometheus has the counters of this one.
            double before = started;
            await Eventually.Holds(async () =>
            {
                started = await prometheus.NumberAsync("process_start_time_seconds and on() conn_tcp_active_opens_total and on() conn_listener_drops_total");
                (started > before).ShouldBeTrue(daemon.Log);
            });
            bool killed = restart % 2 == 1;
            (await daemon.EndByAsync(killed ? LibC.SigKill : LibC.SigTerm)).ExitCode.ShouldBe(killed ? 128 + LibC.SigKill : 0);
        }

        await end.CancelAsync();
        List<Look> looks = await looking;
        (await prometheus.NumberAsync("changes(process_start_time_seconds[1h])")).ShouldBe(Restarts);
        foreach (string family in await FamiliesAsync(prometheus))
        {
            (await prometheus.QueryAsync($"resets({family}[1h]) > 0")).ShouldBeEmpty($"{family} went back");
        }

        foreach ((string series, _, _) in Witnessed)
        {
            (double At, double Value)[] samples = await SamplesAsync(prometheus, series);
            samples.Length.ShouldBeGreaterThan(Restarts);
            foreach ((double at, double value) in samples)
            {
                Look? before = looks.LastOrDefault(look => look.Ended < at - OldestReading.TotalSeconds);
                Look? after = looks.FirstOrDefault(look => look.Began > at + LongestScrape.TotalSeconds);
                value.ShouldBeInRange(before?.Counters[series] ?? 0, after?.Counters[series] ?? looks[^1].Counters[series], $"{series} at {at}");
            }
        }

        // Under load indeed, and with overflows.
        (await churn.NumberAsync("made")).ShouldBeGreaterThan(100 * Restarts);
        (await prometheus.NumberAsync("sum(last_over_time(conn_listener_drops_total[1h]))")).ShouldBeGreaterThan(0);
        looks[^1].Counters["conn_tcp_listen_overflows_total"].ShouldBeGreaterThan(0);
    }

    private static async Task<string[]> FamiliesAsync(Server prometheus)
    {
        using JsonDocument answer = await prometheus.GetAsync("/api/v1/label/__name__/values");
        string[] families = [.. answer.RootElement.GetProperty("data").EnumerateArray().Select(name => name.GetString()!).Where(name => OfTheKernel().IsMatch(name))];
        families.Length.ShouldBeGreaterThan(25);
        return families;
    }

    // What the daemon counts itself starts over with it.
    [GeneratedRegex("^conn_(?:tcp|conntrack)_.*_total$|^conn_listener_drops_total$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OfTheKernel();

    private static async Task<(double At, double Value)[]> SamplesAsync(Server prometheus, string series)
    {
        using JsonDocument answer = await prometheus.GetAsync($"/api/v1/query?query={series}[1h]");
        return
        [
            .. answer.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().Single().GetProperty("values").EnumerateArray()
                .Select(pair => (pair[0].GetDouble(), double.Parse(pair[1].GetString()!, CultureInfo.InvariantCulture))),
        ];
    }

    // In the network of a process.
    private static async Task<List<Look>> LookAsync(int process, CancellationToken end)
    {
        List<Look> looks = [];
        while (!end.IsCancellationRequested)
        {
            double began = Now();
            string[] lines = (await File.ReadAllTextAsync($"/proc/{process}/net/snmp", CancellationToken.None) + await File.ReadAllTextAsync($"/proc/{process}/net/netstat", CancellationToken.None)).Split('\n');
            looks.Add(new Look(began, Now(), Witnessed.ToDictionary(witnessed => witnessed.Series, witnessed => ValueOf(lines, witnessed.Block, witnessed.Column))));
            await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
        }

        return looks;
    }

    private static double ValueOf(string[] lines, string block, string column)
    {
        int names = Array.FindIndex(lines, line => line.StartsWith(block + ":", StringComparison.Ordinal));
        return double.Parse(lines[names + 1].Split(' ')[Array.IndexOf(lines[names].Split(' '), column)], CultureInfo.InvariantCulture);
    }

    private static double Now() => (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;

    private sealed record Look(double Began, double Ended, Dictionary<string, double> Counters);
}
