using System.Collections;
using System.Net.Sockets;
using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Hosting;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Tests.Sampling;
using ConnExporter.Tests.Support;
using Serilog.Events;

namespace ConnExporter.Tests.Hosting;

[Collection(TheConsole.Name)]
public sealed class ConfigurationReloadTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly ManualTime time = new();
    private readonly Socket manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 5000 };
    private readonly StateStore store;
    private readonly SystemdNotifier systemd;
    private readonly Sampler sampler;
    private readonly Logging logging;
    private readonly ConfigurationReload reload;
    private readonly TextWriter console = Console.Error;
    private readonly StringWriter log = new();

    public ConfigurationReloadTests()
    {
        string socket = Path.Join(directory.Path, "notify");
        manager.Bind(new UnixDomainSocketEndPoint(socket));
        File("collector.disable-defaults: true\ncollector.self: true\nlog.level: info\n");
        var sources = new ConfigurationSources([new Given(Settings.Find("config.file")!, Path.Join(directory.Path, "x.yml"), "--config.file")], new Hashtable());
        ExporterOptions options = sources.Load();
        var lines = new LoggedLines();
        Console.SetError(log);
        logging = new Logging(options, _ => null);
        systemd = new SystemdNotifier(name => name == "NOTIFY_SOCKET" ? socket : null, time, lines.Log);
        store = new StateStore(time);
        sampler = new Sampler(store, [Entry("self"), Entry("states")], KernelSource.Host(), time, lines.Log);
        sampler.Apply(options);
        reload = new ConfigurationReload(sources, options, sampler, new Diagnostician([], options.Thresholds, time, (_, _) => { }), recorder: null, store, systemd, logging, time);
    }

    public void Dispose()
    {
        sampler.StopCollectors();
        sampler.Dispose();
        logging.Dispose();
        Console.SetError(console);
        systemd.Dispose();
        manager.Dispose();
        directory.Dispose();
        log.Dispose();
    }

    [Fact]
    public void A_good_file_is_taken_up()
    {
        File("collector.disable-defaults: true\ncollector.self: true\ncollector.self.interval: 7m\ncollector.states: true\nlog.level: debug\n");
        time.Advance(TimeSpan.FromMinutes(1));

        reload.Run();

        store.Current.Snapshot.Collectors.Select(state => state.Name).ShouldBe(["self", "states"]);
        store.Current.Snapshot.Collectors[0].Interval.ShouldBe(TimeSpan.FromMinutes(7));
        store.Current.Configuration.ShouldBe(new ConfigurationState(LastReloadOk: true, time.GetUtcNow()));
        logging.Logger.IsEnabled(LogEventLevel.Debug).ShouldBeTrue();
        Log().ShouldContain("The configuration was read again and is in force");
    }

    [Fact]
    public void A_bad_file_leaves_the_old_configuration_in_force_and_a_metric_says_so()
    {
        DateTimeOffset loaded = store.Current.Configuration.LoadedAt;
        time.Advance(TimeSpan.FromMinutes(1));
        File("collector.self: false\nlog.level: loud\n");

        reload.Run();

        store.Current.Snapshot.Collectors.Select(state => state.Name).ShouldBe(["self"]);
        store.Current.Configuration.ShouldBe(new ConfigurationState(LastReloadOk: false, loaded));
        logging.Logger.IsEnabled(LogEventLevel.Debug).ShouldBeFalse();
        MetricsText.Of(store.Current)["conn_exporter_config_last_reload_successful"].ShouldBe("0");
        Log().ShouldContain("x.yml:2: log.level: 'loud': expected debug, info, warn or error");
    }

    [Fact]
    public void A_file_put_right_is_taken_up_again()
    {
        File("typo: 1\n");
        reload.Run();
        File("collector.disable-defaults: true\ncollector.states: true\n");

        reload.Run();

        store.Current.Configuration.LastReloadOk.ShouldBeTrue();
        store.Current.Snapshot.Collectors.Select(state => state.Name).ShouldBe(["states"]);
    }

    [Fact]
    public void A_file_that_is_gone_leaves_the_old_configuration_in_force()
    {
        System.IO.File.Delete(Path.Join(directory.Path, "x.yml"));

        reload.Run();

        store.Current.Configuration.LastReloadOk.ShouldBeFalse();
        store.Current.Snapshot.Collectors.Select(state => state.Name).ShouldBe(["self"]);
    }

    [Theory]
    [InlineData("web.listen-address: ':1234'", "web.listen-address")]
    [InlineData("web.telemetry-path: /other", "web.telemetry-path")]
    [InlineData("path.procfs: /", "path.procfs")]
    [InlineData("path.sysfs: /", "path.sysfs")]
    [InlineData("path.rootfs: /host", "path.rootfs")]
    [InlineData("log.format: json", "log.format")]
    public void A_change_that_takes_a_restart_is_named(string line, string key)
    {
        File($"collector.disable-defaults: true\n{line}\n");

        reload.Run();

        Log().ShouldContain($"A change of {key} takes a restart; the old value stays in force");
        store.Current.Configuration.LastReloadOk.ShouldBeTrue();
    }

    [Theory]
    [InlineData("collector.disable-defaults: true\n")]
    [InlineData("typo: 1\n")]
    public void The_service_manager_is_told_of_beginning_and_end(string file)
    {
        File(file);

        reload.Run();

        Heard().ShouldStartWith("RELOADING=1\nMONOTONIC_USEC=");
        Heard().ShouldBe("READY=1");
    }

    private static CollectorEntry Entry(string name) => new(name, SamplingBench.Interval, "a test", (_, _) => new ScriptedCollector(name, _ => 1));

    private void File(string content) => directory.Write("x.yml", content);

    // Ends the log, so that everything is written.
    private string Log()
    {
        logging.Dispose();
        return log.ToString();
    }

    private string Heard()
    {
        byte[] buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer.AsSpan(0, manager.Receive(buffer)));
    }
}
