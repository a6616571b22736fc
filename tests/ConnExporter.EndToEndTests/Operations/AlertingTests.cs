using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>
/// From a host that runs out of ports to who is told: the daemon, a real Prometheus and a real Alertmanager, with the shipped files, in a
/// network namespace of the test's own. Of the files only times are shortened.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed partial class AlertingTests
{
    private const string Host = "localhost:9057";
    private const int UsablePorts = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>This process: by its unit where it has one, else by its name.</summary>
    private static readonly string[] Holders =
    [
        File.ReadAllText("/proc/self/comm").TrimEnd(),
        .. File.ReadLines("/proc/self/cgroup").Select(line => line.Split(':', 3)[2]).Where(path => path != "/").Select(path => path.Split('/')[^1]),
    ];

    /// <summary>Whether this build writes the settings of the kernel.</summary>
    private static readonly bool AuditsSettings = File.ReadAllText(Path.Join(Repository.Root, "docs", "metrics.md")).Contains("`conn_sysctl`", StringComparison.Ordinal);

    /// <summary>Queries that have no data here, and why.</summary>
    private static readonly Dictionary<string, string> WithoutData = new()
    {
        ["ConnConnectsWithoutPort"] = "the programs in the kernel are off unless asked for",
        ["ConnFindingRecurring"] = "it takes an hour",
        ["ConnExporterDown"] = "the exporter answers; the end of the test is about it",
        ["ConnExporterMissing"] = "there is one",
        ["ConnExporterRestarting"] = "it has started once",
        ["ConnCollectorBroken"] = Well,
        ["ConnDataTooOld"] = Well,
        ["ConnReloadFailed"] = Well,
        ["ConnWebReloadFailed"] = Well,
        ["ConnCertificateExpiring"] = Well,
        ["ConnCertificateExpired"] = Well,
        ["ConnTooManyEstablished"] = "200 ports are all there are",
        ["instance_resource:conn_resource_exhaustion_seconds:min"] = Forecast,
        ["job_resource:conn_resource_exhaustion_seconds:min"] = Forecast,
        ["instance:conn_tcp_memory:ratio"] = Elsewhere,
        ["conn-exporter-fleet: Gone soonest"] = Forecast,
        ["conn-exporter-fleet: Memory of TCP"] = Elsewhere,
        ["conn-exporter-host: Time left"] = Forecast,
        ["conn-exporter-host: Time left, over time"] = Forecast,
        ["conn-exporter-host: Memory of TCP"] = Elsewhere,
        ["conn-exporter-host: Orphans"] = Elsewhere,
        ["conn-exporter-host: Errors"] = Well,
        ["conn-exporter-host: Ephemeral ports by destination"] = "nothing is looked up while the census is fresh",
        ["conn-exporter-host: UDP sockets by unit"] = NoneHere,
        ["conn-exporter-host: UDP errors"] = NoneHere,
        ["conn-exporter-host: Accept queues of Unix sockets"] = NoneHere,
        ["conn-exporter-host: Unix sockets that take nothing"] = NoneHere,
        ["conn-exporter-host: Neighbours"] = Elsewhere,
        ["conn-exporter-host: Connections of the instance"] = "no limit is given",
        ["conn-exporter-host: annotation Start of the exporter"] = "it has started once",
    };

    private const string NoneHere = "there are no UDP sockets and no Unix queues in this network";
    private const string Well = "the exporter itself is well";
    private const string Forecast = "a forecast takes minutes of growth";
    private const string Elsewhere = "the kernel shows it in the first network namespace only";

    [FactThatNeeds(Need.Root, Need.Ip, Need.Prometheus, Need.Alertmanager)]
    public async Task Trouble_is_told_with_its_holder_once_and_until_it_is_over()
    {
        using var directory = new TemporaryDirectory();
        await using TestNetwork network = await TestNetwork.MakeAsync();
        await network.SetAsync("net.ipv4.ip_local_port_range", $"40000 {40000 + UsablePorts - 1}");
        await using var webhook = new Webhook(network, 8060);
        await using Server daemon = await StartDaemonAsync(network, directory);
        await using Server alertmanager = await StartAlertmanagerAsync(network, directory);
        await using Server prometheus = await StartPrometheusAsync(network, directory);

        // Whose a listener is takes a walk or two, of which a minute's trouble leaves enough and the second of this test does not.
        using var queue = new Queue(network, 8443);
        await KnownAsync(network, 8443);

        // Both findings are told, where they belong, with who holds it.
        using var crowd = new Crowd(network, "127.0.0.2", 443);
        await crowd.TakeAsync((int)(UsablePorts * 0.97));
        queue.Fill();
        await ToldAsync(webhook, "page", "ConnFindingCritical", "ephemeral_ports_exhausting", "critical", "127.0.0.2:443");
        await ToldAsync(webhook, "ticket", "ConnFindingWarning", "accept_queue_overflowing", "warning", "127.0.0.1:8443");

        await EveryQueryHasDataAsync(prometheus);
        await CriticalSilencesItsWarningAsync(alertmanager, webhook);

        // Both are over.
        crowd.Leave();
        queue.Dispose();
        await OverAsync(webhook, "page", "ConnFindingCritical", "ephemeral_ports_exhausting");
        await OverAsync(webhook, "ticket", "ConnFindingWarning", "accept_queue_overflowing");

        // A host that dies in trouble has not recovered from it.
        using var again = new Crowd(network, "127.0.0.3", 443);
        await again.TakeAsync((int)(UsablePorts * 0.97));
        await ToldAsync(webhook, "page", "ConnFindingCritical", "ephemeral_ports_exhausting", "critical", "127.0.0.3:443");
        int before = webhook.Received.Length;
        await daemon.KillAsync();
        await ADeadHostSilencesTheRestAsync(prometheus, alertmanager, webhook, before);
    }

    /// <summary>Two restarts in the midst of trouble, one that kills and one that asks: who was told is not told that it is over, nor told again, and it is one incident.</summary>
    [FactThatNeeds(Need.Root, Need.Ip, Need.Prometheus, Need.Alertmanager)]
    public async Task A_restart_is_no_recovery()
    {
        using var directory = new TemporaryDirectory();
        await using TestNetwork network = await TestNetwork.MakeAsync();
        await network.SetAsync("net.ipv4.ip_local_port_range", $"40000 {40000 + UsablePorts - 1}");
        await using var webhook = new Webhook(network, 8060);
        string recorder = $"--recorder.path={directory["incidents"]}";
        Server daemon = await StartDaemonAsync(network, directory, "5s", recorder);
        try
        {
            await using Server alertmanager = await StartAlertmanagerAsync(network, directory);
            await using Server prometheus = await StartPrometheusAsync(network, directory);
            using var queue = new Queue(network, 8443);
            await KnownAsync(network, 8443);
            using var crowd = new Crowd(network, "127.0.0.2", 443);
            await crowd.TakeAsync((int)(UsablePorts * 0.97));
            queue.Fill();
            await ToldAsync(webhook, "page", "ConnFindingCritical", "ephemeral_ports_exhausting", "critical", "127.0.0.2:443");
            await ToldAsync(webhook, "ticket", "ConnFindingWarning", "accept_queue_overflowing", "warning", "127.0.0.1:8443");
            DateTimeOffset since = await SinceAsync(network);

            foreach (bool kill in new[] { true, false })
            {
                await (kill ? daemon.KillAsync() : daemon.EndAsync());
                await daemon.DisposeAsync();
                daemon = await StartDaemonAsync(network, directory, "5s", recorder);

                // Longer than a finding takes, and all that the rules and Alertmanager wait for.
                await Eventually.Holds(Patience, async () => (await prometheus.NumberAsync("conn_diagnosis_timestamp_seconds - on (instance) process_start_time_seconds{job=\"conn\"}")).ShouldBeInRange(15, 100));
                (await prometheus.NumberAsync("conn_finding{finding=\"ephemeral_ports_exhausting\", severity=\"critical\"}")).ShouldBe(1);
            }

            // A notification is of a group and tells of all in it, when one comes or goes: the same again has begun when it had.
            foreach ((string alert, string finding) in new[] { ("ConnFindingCritical", "ephemeral_ports_exhausting"), ("ConnFindingWarning", "accept_queue_overflowing") })
            {
                Notified[] told = [.. webhook.Received.Where(told => told.Is(alert, finding))];
                told.ShouldAllBe(told => told.Status == "firing");
                told.Select(told => told.StartsAt).Distinct().ShouldHaveSingleItem();
            }

            (await SinceAsync(network)).ShouldBe(since);
            crowd.Leave();
            queue.Dispose();
            await OverAsync(webhook, "page", "ConnFindingCritical", "ephemeral_ports_exhausting");
            await OverAsync(webhook, "ticket", "ConnFindingWarning", "accept_queue_overflowing");
            await Eventually.Holds(Patience, () =>
            {
                string[] events = [.. Directory.EnumerateFiles(directory["incidents"]).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];
                events.Where(file => file.Contains(".begin.", StringComparison.Ordinal)).ShouldHaveSingleItem(string.Join(", ", events));
                events.Where(file => file.Contains(".end.", StringComparison.Ordinal)).ShouldHaveSingleItem(string.Join(", ", events));
                events.ShouldNotContain("open-incident.json");
                return Task.CompletedTask;
            });
        }
        finally
        {
            await daemon.DisposeAsync();
        }
    }

    private static async Task<DateTimeOffset> SinceAsync(TestNetwork network)
    {
        using HttpClient client = network.NewClient(new Uri("http://127.0.0.1:9057"));
        using var report = JsonDocument.Parse(await client.GetStringAsync("/api/v1/diagnosis"));
        return report.RootElement.GetProperty("findings").EnumerateArray().Single(finding => finding.GetProperty("finding").GetString() == "ephemeral_ports_exhausting").GetProperty("since").GetDateTimeOffset();
    }

    private static async Task ToldAsync(Webhook webhook, string receiver, string alert, string finding, string severity, string about) =>
        await Eventually.Holds(Patience, () =>
        {
            Notified told = Newest(webhook, receiver, "firing", alert, finding, told => told.Annotations["summary"].Contains(about, StringComparison.Ordinal));
            told.Labels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{label.Key}={label.Value}")
                .ShouldBe([$"alertname={alert}", $"finding={finding}", $"instance={Host}", "job=conn", "netns=self", $"severity={severity}"]);
            Match summary = Summary().Match(told.Annotations["summary"]);
            summary.Groups["finding"].Value.ShouldBe(finding.Replace('_', ' '), told.Annotations["summary"]);
            summary.Groups["about"].Value.ShouldBe(about);
            Holders.ShouldContain(summary.Groups["holder"].Value);
            told.Annotations["description"].ShouldContain($"Held by {summary.Groups["holder"].Value} on {about}");
            told.Annotations["runbook_url"].ShouldEndWith($"/{finding}.md");
            return Task.CompletedTask;
        });

    private static async Task KnownAsync(TestNetwork network, int port)
    {
        using HttpClient client = network.NewClient(new Uri("http://127.0.0.1:9057"));
        await Eventually.Holds(Patience, async () =>
            (await client.GetStringAsync("/metrics")).Split('\n').ShouldContain(line => line.StartsWith("conn_listener_info{", StringComparison.Ordinal) && line.Contains($"port=\"{port}\"", StringComparison.Ordinal) && !line.Contains("process=\"unknown\"", StringComparison.Ordinal)));
    }

    private static async Task OverAsync(Webhook webhook, string receiver, string alert, string finding) =>
        await Eventually.Holds(Patience, () =>
        {
            Newest(webhook, receiver, "resolved", alert, finding, _ => true);
            return Task.CompletedTask;
        });

    private static Notified Newest(Webhook webhook, string receiver, string status, string alert, string finding, Predicate<Notified> more)
    {
        Notified[] received = webhook.Received;
        Notified? told = received.LastOrDefault(told => told.Is(alert, finding) && told.Status == status && more(told));
        told.ShouldNotBeNull($"{status} {alert} {finding}; received {JsonSerializer.Serialize(received)}");
        told.Receiver.ShouldBe(receiver);
        return told;
    }

    /// <summary>Every query of every rule and dashboard is understood by a real Prometheus, and gives something while a host is in trouble.</summary>
    private static async Task EveryQueryHasDataAsync(Server prometheus)
    {
        Query[] queries = [.. Shipped.RuleQueries(), .. Shipped.DashboardQueries().Where(query => AuditsSettings || !query.Expression.Contains("conn_sysctl", StringComparison.Ordinal))];
        var empty = new List<string>();
        await Eventually.Holds(Patience, async () =>
        {
            empty.Clear();
            foreach (Query query in queries)
            {
                if ((await prometheus.QueryAsync(query.With(Host, "20s").Expression)).Length == 0)
                {
                    empty.Add(query.Where);
                }
            }

            empty.Except(WithoutData.Keys).ShouldBeEmpty("gives nothing");
        });
        WithoutData.Keys.Except(empty).ShouldBeEmpty("has data after all");
    }

    private static async Task CriticalSilencesItsWarningAsync(Server alertmanager, Webhook webhook)
    {
        // The twin of what is critical, and another warning of the same host, which is told as ever.
        await PostAsync(alertmanager, ("alertname", "ConnFindingWarning"), ("severity", "warning"), ("job", "conn"), ("instance", Host), ("netns", "self"), ("finding", "ephemeral_ports_exhausting"));
        await Eventually.Holds(Patience, async () => (await StateAsync(alertmanager, "ConnFindingWarning", "ephemeral_ports_exhausting")).ShouldBe("suppressed"));
        await PostAsync(alertmanager, ("alertname", "ConnCollectorBroken"), ("severity", "warning"), ("job", "conn"), ("instance", Host));
        await Eventually.Holds(Patience, () =>
        {
            webhook.Received.ShouldContain(told => told.Is("ConnCollectorBroken", ""));
            return Task.CompletedTask;
        });
        webhook.Received.ShouldNotContain(told => told.Is("ConnFindingWarning", "ephemeral_ports_exhausting"));
    }

    private static async Task ADeadHostSilencesTheRestAsync(Server prometheus, Server alertmanager, Webhook webhook, int before)
    {
        await Eventually.Holds(Patience, () =>
        {
            webhook.Received.ShouldContain(told => told.Receiver == "page" && told.Is("ConnExporterDown", ""));
            return Task.CompletedTask;
        });
        (await StateAsync(alertmanager, "ConnFindingCritical", "ephemeral_ports_exhausting")).ShouldBe("suppressed");

        // Prometheus remembers it for a while, then forgets it. What is told after that does not call it resolved.
        await Eventually.Holds(Patience, async () => (await prometheus.QueryAsync("ALERTS{alertname=\"ConnFindingCritical\"}")).ShouldBeEmpty());
        await Eventually.Holds(Patience, async () => (await StateAsync(alertmanager, "ConnFindingCritical", "ephemeral_ports_exhausting")).ShouldNotBe("active"));
        await PostAsync(alertmanager, ("alertname", "SomethingElse"), ("severity", "critical"), ("instance", Host));
        await Eventually.Holds(Patience, () =>
        {
            webhook.Received.ShouldContain(told => told.Is("SomethingElse", ""));
            return Task.CompletedTask;
        });
        webhook.Received[before..].ShouldNotContain(told => told.Is("ConnFindingCritical", "ephemeral_ports_exhausting") && told.Status == "resolved");
    }

    private static Task<Server> StartDaemonAsync(TestNetwork network, TemporaryDirectory directory, string lasting = "1s", params string[] more) => Server.StartAsync(
        network.Inside([
            .. ProgramUnderTest.Command(Repository.DaemonDirectory),
            "--web.listen-address=127.0.0.1:9057",
            $"--diagnosis.for={lasting}",
            "--diagnosis.linger=5s",
            "--diagnosis.drop-window=5s",
            "--diagnosis.critical-drop-rate=1000",
            "--collector.census.interval=1s",
            "--netns=host",
            .. more]),
        directory.Path,
        network.NewClient(new Uri("http://127.0.0.1:9057")),
        "/-/ready");

    private static Task<Server> StartPrometheusAsync(TestNetwork network, TemporaryDirectory directory)
    {
        // What the rules look back over stays long enough to be told of a dead host, and short enough to wait for.
        Directory.CreateDirectory(directory["rules"]);
        foreach (string file in Shipped.RuleFiles)
        {
            string rules = Hold().Replace(File.ReadAllText(file), "${key}: 1s");
            File.WriteAllText(directory[$"rules/{Path.GetFileName(file)}"], LookBack().Replace(rules, "${series}[20s]"));
        }

        string configuration = File.ReadAllText(Path.Join(Shipped.Prometheus, "prometheus.yml"))
            .Replace("_interval: 15s", "_interval: 1s", StringComparison.Ordinal)
            .Replace("_timeout: 5s", "_timeout: 1s", StringComparison.Ordinal)
            .Replace("# - rules/conn-exporter.established.yml", "- rules/conn-exporter.established.yml", StringComparison.Ordinal);
        directory.Write("prometheus.yml", configuration);
        return Server.StartAsync(
            network.Inside("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:9090", "--rules.alert.resend-delay=1s"),
            directory.Path,
            network.NewClient(new Uri("http://127.0.0.1:9090")),
            "/-/ready");
    }

    private static Task<Server> StartAlertmanagerAsync(TestNetwork network, TemporaryDirectory directory)
    {
        directory.Write("alertmanager.yml", GroupTimes().Replace(File.ReadAllText(Shipped.Alertmanager), "${key}: 1s"));
        return Server.StartAsync(
            network.Inside("prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alertmanager", "--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="),
            directory.Path,
            network.NewClient(new Uri("http://127.0.0.1:9093")),
            "/-/ready");
    }

    private static async Task PostAsync(Server alertmanager, params (string Name, string Value)[] labels)
    {
        using HttpResponseMessage answer = await alertmanager.Client.PostAsJsonAsync("/api/v2/alerts", (object[])[new { labels = labels.ToDictionary(label => label.Name, label => label.Value) }]);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    /// <summary>The state that Alertmanager has of an alert of the host: active, suppressed, or none.</summary>
    private static async Task<string> StateAsync(Server alertmanager, string alert, string finding)
    {
        using JsonDocument answer = await alertmanager.GetAsync("/api/v2/alerts");
        return answer.RootElement.EnumerateArray()
            .Where(entry => entry.GetProperty("labels").GetProperty("alertname").GetString() == alert && entry.GetProperty("labels").GetProperty("finding").GetString() == finding)
            .Select(entry => entry.GetProperty("status"))
            .Select(status => status.GetProperty("state").GetString() == "suppressed" && status.GetProperty("inhibitedBy").GetArrayLength() == 0 ? "silenced" : status.GetProperty("state").GetString()!)
            .SingleOrDefault("none");
    }

    [GeneratedRegex("^localhost:9057: (?<finding>[a-z ]+): (?<about>[0-9.:]+)( from [0-9.]+)? of (?<holder>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Summary();

    [GeneratedRegex(@"\b(?<key>for|interval): \d+[sm]$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Hold();

    [GeneratedRegex(@"(?<series>last_over_time\([^\[]*)\[5m\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LookBack();

    [GeneratedRegex(@"\b(?<key>group_wait|group_interval): \d+[sm]$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex GroupTimes();

    /// <summary>Connections to one destination, which takes them all.</summary>
    private sealed class Crowd(TestNetwork network, string address, int port) : IDisposable
    {
        private readonly List<Socket> sockets = [];

        public async Task TakeAsync(int connections)
        {
            var destination = new IPEndPoint(IPAddress.Parse(address), port);
            using Socket listener = network.NewSocket();
            listener.Bind(destination);
            listener.Listen(512);
            for (int i = 0; i < connections; i++)
            {
                Socket client = network.NewSocket();
                sockets.Add(client);

                // A reset leaves no TIME_WAIT, so that the ports come back at once.
                client.LingerState = new LingerOption(enable: true, 0);
                await client.ConnectAsync(destination);
                sockets.Add(await listener.AcceptAsync());
            }

            // One is closed by the other side, and not by its owner.
            sockets[^1].Dispose();
        }

        public void Leave()
        {
            sockets.ForEach(socket => socket.Dispose());
            sockets.Clear();
        }

        public void Dispose() => Leave();
    }

    /// <summary>A listener that nobody accepts from, and clients that go on knocking.</summary>
    private sealed class Queue : IDisposable
    {
        private readonly List<Socket> sockets = [];
        private readonly TestNetwork network;
        private readonly int port;

        public Queue(TestNetwork network, int port)
        {
            (this.network, this.port) = (network, port);
            sockets.Add(network.Listen(port, 1));
        }

        public void Fill()
        {
            for (int i = 0; i < 6; i++)
            {
                Socket client = network.NewSocket();
                sockets.Add(client);
                client.Blocking = false;
                try
                {
                    client.Connect(new IPEndPoint(IPAddress.Loopback, port));
                }
                catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
                {
                    // The kernel goes on with it, and tries again after 1, 3 and 7 seconds.
                }
            }
        }

        public void Dispose()
        {
            sockets.ForEach(socket => socket.Dispose());
            sockets.Clear();
        }
    }
}
