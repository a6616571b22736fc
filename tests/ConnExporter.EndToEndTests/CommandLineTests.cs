using System.Net;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>What can be wrong with flags, variables and the file, and who wins where several speak.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("--collector.sokstat", "--collector.sokstat: no such flag; did you mean '--collector.sockstat'?")]
    [InlineData("--web.listen-adress=:1", "--web.listen-adress: no such flag; did you mean '--web.listen-address'?")]
    [InlineData("--no-collector.port", "--no-collector.port: no such flag; did you mean '--no-collector.ports'?")]
    [InlineData("--zzz", "--zzz: no such flag")]
    [InlineData("check-confg", "check-confg: no such command; did you mean 'check-config'?")]
    [InlineData("metric", "metric: no such command; did you mean 'metrics'?")]
    [InlineData("metrics extra", "extra: no such command")]
    [InlineData("--log.level=verbose", "--log.level: 'verbose': expected debug, info, warn or error")]
    [InlineData("--log.format=xml", "--log.format: 'xml': expected logfmt or json")]
    [InlineData("--collector.self.interval=0s", "--collector.self.interval: '0s': an interval lies between 100ms and 1h")]
    [InlineData("--collector.self.interval=-1s", "--collector.self.interval: '-1s': expected a duration such as 500ms, 5s or 1m")]
    [InlineData("--collector.self.interval=5", "--collector.self.interval: '5': expected a duration such as 500ms, 5s or 1m")]
    [InlineData("--collector.self.interval=2h", "--collector.self.interval: '2h': an interval lies between 100ms and 1h")]
    [InlineData("--collector.self.interval=99999999999999999999h", "--collector.self.interval: '99999999999999999999h': an interval lies between 100ms and 1h")]
    [InlineData("--collector.self=maybe", "--collector.self: 'maybe': expected true or false")]
    [InlineData("--collector.self --no-collector.self", "--no-collector.self: given more than once")]
    [InlineData("--log.level=info --log.level=warn", "--log.level: given more than once")]
    [InlineData("--web.listen-address=9057", "--web.listen-address: '9057': expected [address]:port, such as :9057, 127.0.0.1:9057 or [::1]:9057")]
    [InlineData("--web.listen-address=127.0.0.1:65536", "--web.listen-address: '127.0.0.1:65536': expected [address]:port, such as :9057, 127.0.0.1:9057 or [::1]:9057")]
    [InlineData("--web.listen-address=::1:9057", "--web.listen-address: '::1:9057': expected an address of this host before the port (IPv6 in brackets), such as 127.0.0.1:9057 or [::1]:9057")]
    [InlineData("--web.telemetry-path=metrics", "--web.telemetry-path: 'metrics': expected a path below /, such as /metrics")]
    [InlineData("--path.procfs=/no/such", "--path.procfs: '/no/such': there is no such directory")]
    [InlineData("--config.file=/no/such.yml", "--config.file: Could not find a part of the path '/no/such.yml'.")]
    [InlineData("--log.level", "Required argument missing for option: '--log.level'.")]
    public async Task What_is_wrong_on_the_command_line_is_named(string arguments, string complaint) =>
        await IsRefusedAsync(new Launch(arguments.Split(' ')), complaint);

    [Theory]
    [InlineData("CONN_EXPORTER_LOG_LEVL", "info", "CONN_EXPORTER_LOG_LEVL: no such variable; did you mean 'CONN_EXPORTER_LOG_LEVEL'?")]
    [InlineData("CONN_EXPORTER_LOG_LEVEL", "loud", "CONN_EXPORTER_LOG_LEVEL: 'loud': expected debug, info, warn or error")]
    [InlineData("CONN_EXPORTER_COLLECTOR_SELF", "yes", "CONN_EXPORTER_COLLECTOR_SELF: 'yes': expected true or false")]
    public async Task What_is_wrong_in_the_environment_is_named(string variable, string value, string complaint) =>
        await IsRefusedAsync(new Launch { Environment = { [variable] = value } }, complaint);

    [Theory]
    [InlineData("log.level: info\nlog.levl: info\n", ":2: log.levl: no such key; did you mean 'log.level'?")]
    [InlineData("collector:\n  sockstat:\n    intervall: 1s\n", ":3: collector.sockstat.intervall: no such key; did you mean 'collector.sockstat.interval'?")]
    [InlineData("log.level: info\nlog:\n  level: warn\n", ":3: log.level: the key is given twice")]
    [InlineData("log.level: info\nlog.level: warn\n", ":2: ")]
    [InlineData("\nlog.level: loud\n", ":2: log.level: 'loud': expected debug, info, warn or error")]
    [InlineData("collector:\n  self:\n    interval: 1 s\n", ":3: collector.self.interval: '1 s': expected a duration such as 500ms, 5s or 1m")]
    [InlineData("collector:\n  self: 1\n", ":2: collector.self: '1': expected true or false")]
    [InlineData("log.level: [info]\n", ":1: log.level: expected one value")]
    [InlineData("log.level: {a: b}\n", ":1: log.level")]
    [InlineData("just text\n", ":1: expected one document with a mapping of keys to values")]
    [InlineData("log.level: info\n  bad: [\n", ":2: ")]
    [InlineData("log.level: \"unfinished\n", ":")]
    [InlineData("config.file: other.yml\n", ":1: config.file: no such key")]
    public async Task What_is_wrong_in_the_file_is_named_with_its_line(string content, string complaint)
    {
        string file = directory.Write("conn-exporter.yml", content);
        await IsRefusedAsync(new Launch($"--config.file={file}"), file + complaint);
        await IsRefusedAsync(new Launch("check-config", $"--config.file={file}"), file + complaint);
    }

    [Theory]
    [InlineData("--help", "Usage:")]
    [InlineData("-h", "Usage:")]
    [InlineData("metrics --help", "Usage:")]
    [InlineData("check-config --help", "Usage:")]
    [InlineData("--version", "conn-exporter, version ")]
    public async Task Help_and_version_go_to_standard_output(string arguments, string expected)
    {
        Finished run = await new Launch(arguments.Split(' ')).RunAsync();

        run.ExitCode.ShouldBe(0);
        run.Output.ShouldContain(expected);
        run.Error.ShouldBe("");
    }

    [Fact]
    public async Task Check_config_says_what_would_be_in_force()
    {
        string file = directory.Write("conn-exporter.yml", "collector:\n  ports: false\n  self.interval: 30s\nweb.listen-address: ['127.0.0.1:1', '[::1]:2']\n");

        Finished run = await new Launch("check-config", $"--config.file={file}").RunAsync();

        run.ExitCode.ShouldBe(0);
        run.Error.ShouldBe("");
        run.Output.ShouldContain($"{file}: ok");
        run.Output.ShouldContain("listens on 127.0.0.1:1, [::1]:2");
        run.Output.ShouldContain("collector ports: off");
        run.Output.ShouldContain("collector self: every 30s");
    }

    [Fact]
    public async Task Flags_go_before_the_environment_and_the_environment_before_the_file()
    {
        string file = directory.Write("conn-exporter.yml", "collector: {self.interval: 11s, states.interval: 12s, ports.interval: 13s, conntrack: false, counters: false}\n");

        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--collector.ports.interval=33s", "--collector.conntrack")
        {
            Environment =
            {
                ["CONN_EXPORTER_CONFIG_FILE"] = file,
                ["CONN_EXPORTER_COLLECTOR_STATES_INTERVAL"] = "22s",
                ["CONN_EXPORTER_COLLECTOR_PORTS_INTERVAL"] = "23s",
            },
        });

        Page page = await daemon.ScrapeAsync();
        Interval("self").ShouldBe(11);
        Interval("states").ShouldBe(22);
        Interval("ports").ShouldBe(33);
        page.Collectors.ShouldContain("conntrack");
        page.Collectors.ShouldNotContain("counters");

        double Interval(string collector) => page["conn_collector_interval_seconds", ("collector", collector)];
    }

    [Fact]
    public async Task A_file_that_is_wrong_is_refused_also_where_a_flag_outweighs_it()
    {
        string file = directory.Write("conn-exporter.yml", "log.level: loud\n");

        await IsRefusedAsync(new Launch($"--config.file={file}", "--log.level=info"), $"{file}:1: log.level: 'loud'");
    }

    [Fact]
    public async Task Variables_that_kubernetes_makes_for_a_service_of_this_name_are_passed_over()
    {
        Finished run = await new Launch("check-config")
        {
            Environment = { ["CONN_EXPORTER_SERVICE_HOST"] = "192.0.2.1", ["CONN_EXPORTER_PORT"] = "tcp://192.0.2.1:9057", ["CONN_EXPORTER_PORT_9057_TCP"] = "tcp://192.0.2.1:9057" },
        }.RunAsync();

        run.ExitCode.ShouldBe(0, run.Error);
    }

    [Fact]
    public async Task A_port_in_use_ends_with_3_and_one_line()
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        string address = holder.LocalEndpoint.ToString()!;

        Finished run = await new Launch($"--web.listen-address={address}").RunAsync();

        run.ExitCode.ShouldBe(3);
        run.Output.ShouldBe("");
        OnlyLine(run).ShouldStartWith($"conn-exporter: cannot listen on {address}: ");
    }

    [Fact]
    public async Task An_address_of_another_host_ends_with_3_and_one_line()
    {
        Finished run = await new Launch("--web.listen-address=192.0.2.1:0").RunAsync();

        run.ExitCode.ShouldBe(3);
        OnlyLine(run).ShouldStartWith("conn-exporter: cannot listen on 192.0.2.1:0: ");
    }

    private static async Task IsRefusedAsync(Launch launch, string complaint)
    {
        Finished run = await launch.RunAsync();

        run.ExitCode.ShouldBe(2, run.Error);
        run.Output.ShouldBe("");
        OnlyLine(run).ShouldStartWith($"conn-exporter: {complaint}");
    }

    private static string OnlyLine(Finished run)
    {
        run.Error.ShouldEndWith("\n");
        run.Error.Count(c => c == '\n').ShouldBe(1, run.Error);
        return run.Error.TrimEnd('\n');
    }
}
