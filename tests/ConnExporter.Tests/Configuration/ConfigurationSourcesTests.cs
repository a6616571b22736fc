using System.Collections;
using ConnExporter.Configuration;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;
using Serilog.Events;

namespace ConnExporter.Tests.Configuration;

public sealed class ConfigurationSourcesTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly List<Given> flags = [];
    private readonly Hashtable environment = [];

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Without_any_source_the_defaults_are_in_force()
    {
        ExporterOptions options = Load();

        options.ListenAddresses.Select(address => address.ToString()).ShouldBe([":9057"]);
        options.TelemetryPath.ShouldBe("/metrics");
        options.ProcPath.ShouldBe("/proc");
        options.SysPath.ShouldBe("/sys");
        options.LogLevel.ShouldBe(LogEventLevel.Information);
        options.LogFormat.ShouldBe(LogFormat.Logfmt);
        options.Collectors.ShouldBe(CollectorList.All.Where(entry => entry.Name != "symptoms").Select(entry => KeyValuePair.Create(entry.Name, entry.DefaultInterval)), ignoreOrder: true);
    }

    [Theory]
    [InlineData("127.0.0.1:1", "127.0.0.1:1")]
    [InlineData(":1", ":1")]
    [InlineData("[::1]:1", "[0::1]:1")]
    [InlineData("unix:/run/a", "unix:/run/a")]
    public void An_address_that_is_given_twice_is_named(string one, string same)
    {
        Flag("web.listen-address", one);
        Flag("web.listen-address", same);

        Should.Throw<ConfigurationException>(Load).Message.ShouldBe($"--web.listen-address: '{same}': the address is given twice");
    }

    [Fact]
    public void Any_port_is_another_one_each_time()
    {
        Flag("web.listen-address", "127.0.0.1:0");
        Flag("web.listen-address", "127.0.0.1:0");

        Load().ListenAddresses.Length.ShouldBe(2);
    }

    [Fact]
    public void Flags_go_before_the_environment_and_the_environment_before_the_file()
    {
        File("web.telemetry-path: /file\nlog.level: error\nlog.format: json\n");
        environment["CONN_EXPORTER_WEB_TELEMETRY_PATH"] = "/variable";
        environment["CONN_EXPORTER_LOG_LEVEL"] = "warn";
        Flag("web.telemetry-path", "/flag");

        ExporterOptions options = Load();

        options.TelemetryPath.ShouldBe("/flag");
        options.LogLevel.ShouldBe(LogEventLevel.Warning);
        options.LogFormat.ShouldBe(LogFormat.Json);
    }

    [Fact]
    public void The_file_can_be_named_in_the_environment_and_a_flag_goes_before_it()
    {
        environment["CONN_EXPORTER_CONFIG_FILE"] = directory.Write("a.yml", "log.level: error\n");
        Load().LogLevel.ShouldBe(LogEventLevel.Error);

        Flag("config.file", directory.Write("b.yml", "log.level: debug\n"));
        Load().LogLevel.ShouldBe(LogEventLevel.Debug);
    }

    [Fact]
    public void Lists_are_not_merged()
    {
        File("web.listen-address: [':1', ':2']\n");
        Addresses().ShouldBe([":1", ":2"]);

        environment["CONN_EXPORTER_WEB_LISTEN_ADDRESS"] = ":3, [::1]:4";
        Addresses().ShouldBe([":3", "[::1]:4"]);

        Flag("web.listen-address", ":5");
        Flag("web.listen-address", ":6");
        Addresses().ShouldBe([":5", ":6"]);
    }

    [Fact]
    public void The_file_is_read_anew_each_time()
    {
        string path = directory.Write("x.yml", "log.level: warn\n");
        Flag("config.file", path);
        ConfigurationSources sources = Sources();
        sources.Load().LogLevel.ShouldBe(LogEventLevel.Warning);

        directory.Write("x.yml", "log.level: error\n");

        sources.Load().LogLevel.ShouldBe(LogEventLevel.Error);
    }

    [Fact]
    public void Collectors_are_switched_off_by_name()
    {
        File("collector:\n  self: false\n  states:\n    interval: 7s\n");

        ExporterOptions options = Load();

        options.Collectors.ShouldNotContainKey("self");
        options.Collectors["states"].ShouldBe(TimeSpan.FromSeconds(7));
        options.Collectors.Count.ShouldBe(CollectorList.All.Length - 2, "self, and symptoms, which is off unless asked for");
    }

    [Fact]
    public void With_defaults_off_only_those_switched_on_are_left()
    {
        Flag("collector.disable-defaults", "true");
        environment["CONN_EXPORTER_COLLECTOR_PORTS"] = "true";
        environment["CONN_EXPORTER_COLLECTOR_SELF"] = "false";

        Load().Collectors.Keys.ShouldBe(["ports"]);
    }

    [Fact]
    public void An_interval_alone_switches_nothing_on()
    {
        Flag("collector.disable-defaults", "true");
        Flag("collector.ports.interval", "1s");

        Load().Collectors.ShouldBeEmpty();
    }

    [Fact]
    public void A_wrong_value_is_refused_even_where_something_else_outweighs_it()
    {
        File("\nlog.level: loud\n");
        Flag("log.level", "info");

        Complaint().ShouldBe($"{Path.Join(directory.Path, "x.yml")}:2: log.level: 'loud': expected debug, info, warn or error");
    }

    [Fact]
    public void A_wrong_interval_of_a_collector_that_is_off_is_refused()
    {
        Flag("collector.self", "false");
        Flag("collector.self.interval", "never");

        Complaint().ShouldBe("--collector.self.interval: 'never': expected a duration such as 500ms, 5s or 1m");
    }

    [Theory]
    [InlineData("CONN_EXPORTER_LOG_LEVEL", "loud", "CONN_EXPORTER_LOG_LEVEL: 'loud': expected debug, info, warn or error")]
    [InlineData("CONN_EXPORTER_PATH_PROCFS", "/nonexistent", "CONN_EXPORTER_PATH_PROCFS: '/nonexistent': there is no such directory")]
    [InlineData("CONN_EXPORTER_PATH_SYSFS", "", "CONN_EXPORTER_PATH_SYSFS: '': expected a path")]
    [InlineData("CONN_EXPORTER_CONFIG_FILE", "", "CONN_EXPORTER_CONFIG_FILE: '': expected a path")]
    [InlineData("CONN_EXPORTER_WEB_LISTEN_ADDRESS", ":1,,:2", "CONN_EXPORTER_WEB_LISTEN_ADDRESS: '': expected [address]:port, such as :9057, 127.0.0.1:9057 or [::1]:9057")]
    [InlineData("CONN_EXPORTER_COLLECTOR_SELF", "on", "CONN_EXPORTER_COLLECTOR_SELF: 'on': expected true or false")]
    public void A_wrong_variable_is_named(string name, string value, string complaint)
    {
        environment[name] = value;

        Complaint().ShouldBe(complaint);
    }

    [Fact]
    public void A_variable_that_is_no_settings_is_refused_with_a_suggestion()
    {
        environment["CONN_EXPORTER_LOG_LEVL"] = "info";

        Should.Throw<ConfigurationException>(Sources).Message.ShouldBe("CONN_EXPORTER_LOG_LEVL: no such variable; did you mean 'CONN_EXPORTER_LOG_LEVEL'?");
    }

    [Fact]
    public void Variables_of_others_and_of_kubernetes_services_are_passed_over()
    {
        environment["PATH"] = "/bin";
        environment["CONN_TRACK"] = "1";
        environment["CONN_EXPORTER_SERVICE_HOST"] = "198.51.100.7";
        environment["CONN_EXPORTER_SERVICE_PORT"] = "9057";
        environment["CONN_EXPORTER_SERVICE_PORT_METRICS"] = "9057";
        environment["CONN_EXPORTER_PORT"] = "tcp://198.51.100.7:9057";
        environment["CONN_EXPORTER_PORT_9057_TCP_ADDR"] = "198.51.100.7";

        Load().TelemetryPath.ShouldBe("/metrics");
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused()
    {
        Flag("config.file", "/nonexistent/x.yml");

        Complaint().ShouldBe("--config.file: Could not find a part of the path '/nonexistent/x.yml'.");
    }

    private void Flag(string key, string text) => flags.Add(new Given(Settings.Find(key)!, text, "--" + key));

    private void File(string text) => Flag("config.file", directory.Write("x.yml", text));

    private ConfigurationSources Sources() => new(flags, environment);

    private ExporterOptions Load() => Sources().Load();

    private IEnumerable<string> Addresses() => Load().ListenAddresses.Select(address => address.ToString());

    private string Complaint() => Should.Throw<ConfigurationException>(() => Load()).Message;
}
