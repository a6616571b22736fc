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
    [InlineData("--web.telemetry-path=/-/healthy", "--web.telemetry-path: '/-/healthy': /- is taken by the health endpoints")]
    [InlineData("--web.telemetry-path=/incidents", "--web.telemetry-path: '/incidents': /incidents is taken by the status page")]
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
        OnlyLine(run).ShouldContain($"'ss -tanp sport = :{address[(address.LastIndexOf(':') + 1)..]}'");
    }

    [Fact]
    public async Task An_address_of_another_host_ends_with_3_and_one_line()
    {
        Finished run = await new Launch("--web.listen-address=192.0.2.1:0").RunAsync();

        run.ExitCode.ShouldBe(3);
        OnlyLine(run).ShouldStartWith("conn-exporter: cannot listen on 192.0.2.1:0: ");
        OnlyLine(run).ShouldNotContain("'ss ");
    }

    [FactThatNeeds(Need.Root, Need.SetPriv)]
    public async Task A_privileged_port_ends_with_3_and_the_capability_that_is_missing()
    {
        Finished run = await new Launch("--web.listen-address=127.0.0.1:1") { AsNobody = true }.RunAsync();

        run.ExitCode.ShouldBe(3);
        OnlyLine(run).ShouldContain("CAP_NET_BIND_SERVICE; this process lacks CAP_NET_BIND_SERVICE");
        OnlyLine(run).ShouldNotContain("'ss ");
    }

    [Theory]
    [InlineData("--version", ">/dev/full", "No space left on device")]
    [InlineData("--help", ">/dev/full", "No space left on device")]
    [InlineData("explain EMFILE", ">/dev/full", "No space left on device")]
    [InlineData("incidents", ">/dev/full", "No space left on device")]
    [InlineData("check-config", ">/dev/full", "No space left on device")]
    [InlineData("metrics --netns=host", ">/dev/full", "No space left on device")]
    [InlineData("diagnose --netns=host", ">/dev/full", "No space left on device")]
    [InlineData("--version", ">&-", "Bad file descriptor")]
    [InlineData("explain EMFILE", ">&-", "Bad file descriptor")]
    [InlineData("metrics --netns=host", ">&-", "Bad file descriptor")]
    public async Task Output_that_cannot_be_written_ends_with_74_and_one_line(string arguments, string output, string why)
    {
        Finished run = await new Launch(arguments.Split(' ')) { Under = ["sh", "-c", $"exec \"$@\" {output}", "sh"] }.RunAsync();

        run.ExitCode.ShouldBe(74, run.Error);

        // Collectors may have had something to say before.
        run.Error.Split('\n').Count(line => line.StartsWith("conn-exporter: ", StringComparison.Ordinal)).ShouldBe(1, run.Error);
        run.Error.ShouldEndWith($"conn-exporter: cannot write the output: {why}\n");
    }

    [Fact]
    public async Task An_output_that_nobody_reads_on_is_no_failure()
    {
        Finished run = await new Launch("explain", "EMFILE") { Under = ["sh", "-c", "{ \"$@\"; echo $? >&2; } | true", "sh"] }.RunAsync();

        run.Error.ShouldBe("0\n");
    }

    [Theory]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    public async Task What_cannot_be_complained_of_keeps_its_exit_code(string error) =>
        (await new Launch("--zzz") { Under = ["sh", "-c", $"exec \"$@\" {error}", "sh"] }.RunAsync()).ExitCode.ShouldBe(2);

    [Fact]
    public async Task Descriptors_that_were_closed_at_the_start_become_nothing_of_ours()
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--netns=host") { Under = ["sh", "-c", "exec \"$@\" <&- >&-", "sh"] });

        await daemon.ScrapeAsync();
        foreach (int descriptor in new[] { 0, 1 })
        {
            new FileInfo($"/proc/{daemon.ProcessId}/fd/{descriptor}").LinkTarget.ShouldBe("/dev/null");
        }
    }

    [FactThatNeeds("prlimit")]
    public async Task Too_few_open_files_end_with_2_and_what_is_needed()
    {
        Finished run = await new Launch { Under = ["prlimit", "--nofile=200:200"] }.RunAsync();

        run.ExitCode.ShouldBe(2);
        OnlyLine(run).ShouldBe("conn-exporter: the limit of 200 open files is too low: the daemon needs 256 at least (LimitNOFILE=, ulimit -n)");
    }

    [Fact]
    public async Task A_link_local_address_without_its_interface_ends_with_3_and_says_so()
    {
        Finished run = await new Launch("--web.listen-address=[fe80::1]:1").RunAsync();

        run.ExitCode.ShouldBe(3);
        OnlyLine(run).ShouldContain("a link-local address needs the interface");
    }

    [Fact]
    public async Task A_file_in_place_of_the_recorders_directory_is_named()
    {
        string file = directory.Write("file", "");

        Finished check = await new Launch("check-config", $"--recorder.path={file}").RunAsync();
        check.ExitCode.ShouldBe(2);
        OnlyLine(check).ShouldBe($"conn-exporter: --recorder.path: '{file}' is no directory: no incident could be recorded");
        Finished list = await new Launch("incidents", $"--recorder.path={file}").RunAsync();
        list.ExitCode.ShouldBe(3);
        list.Output.ShouldBe("");
        OnlyLine(list).ShouldStartWith($"conn-exporter: {file}: this is no directory");
    }

    [FactThatNeeds("script")]
    public async Task Output_to_a_terminal_has_no_mode_switches()
    {
        Finished run = await new Launch("--version")
        {
            Under = ["sh", "-c", "exec script -qec \"$*\" /dev/null </dev/null", "sh"],
            Environment = { ["TERM"] = "xterm" },
        }.RunAsync();

        run.Output.ShouldContain("conn-exporter, version");
        run.Output.ShouldNotContain('\u001b');
    }

    [FactThatNeeds(Need.Root, "unshare", "hostname")]
    public async Task The_name_of_the_host_keeps_its_domain()
    {
        Finished run = await new Launch("diagnose", "--json", "--netns=host") { Under = ["unshare", "--uts", "sh", "-c", "hostname web1.prod.example && exec \"$@\"", "sh"] }.RunAsync();

        run.Output.ShouldContain("\"host\": \"web1.prod.example\"");
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
