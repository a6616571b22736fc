using System.Net;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests;

/// <summary>SIGHUP: the file is read again.</summary>
public sealed class ReloadTests
{
    [Fact]
    public async Task A_changed_interval_takes_effect()
    {
        using var file = new ConfigurationFile("collector.ports.interval: 1h\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);
        Page before = await daemon.ScrapeAsync();
        before["conn_collector_interval_seconds", ("collector", "ports")].ShouldBe(3600);

        file.Write("collector.ports.interval: 300ms\n");
        daemon.Signal(LibC.SigHup);

        Page after = before;
        await Eventually.Holds(async () =>
        {
            after = await daemon.ScrapeAsync();
            after["conn_exporter_config_last_reload_success_timestamp_seconds"].ShouldBeGreaterThan(before["conn_exporter_config_last_reload_success_timestamp_seconds"]);
        });
        after["conn_exporter_config_last_reload_successful"].ShouldBe(1);
        after["conn_collector_interval_seconds", ("collector", "ports")].ShouldBe(0.3);
        for (int i = 0; i < 2; i++)
        {
            double sampled = LastSuccess(after);
            await Eventually.Holds(async () => LastSuccess(after = await daemon.ScrapeAsync()).ShouldBeGreaterThan(sampled, "it is sampled at the new interval"));
        }
    }

    [Theory]
    [InlineData("collector.ports.interval: 1\n", "collector.ports.interval: '1'")]
    [InlineData("collector.prots: true\n", "did you mean 'collector.ports'?")]
    [InlineData("a: [\n", "conn-exporter.yml:")]
    public async Task A_bad_file_leaves_the_old_one_in_force_until_a_good_one_comes(string bad, string complaint)
    {
        using var file = new ConfigurationFile("collector.ports.interval: 7s\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);
        double loadedAt = (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_success_timestamp_seconds"];

        file.Write(bad);
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(0));
        Page page = await daemon.ScrapeAsync();
        page["conn_collector_interval_seconds", ("collector", "ports")].ShouldBe(7);
        page["conn_exporter_config_last_reload_success_timestamp_seconds"].ShouldBe(loadedAt);
        await Eventually.Holds(() => daemon.LogLines.ShouldContain(line => line.Contains("level=error", StringComparison.Ordinal) && line.Contains(complaint, StringComparison.Ordinal)));

        file.Write("collector.ports.interval: 8s\n");
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(1));
        (await daemon.ScrapeAsync())["conn_collector_interval_seconds", ("collector", "ports")].ShouldBe(8);
    }

    [Fact]
    public async Task A_file_that_is_gone_leaves_the_old_one_in_force()
    {
        using var file = new ConfigurationFile("collector.ports.interval: 7s\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);

        File.Delete(file.Path);
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(0));
        (await daemon.ScrapeAsync())["conn_collector_interval_seconds", ("collector", "ports")].ShouldBe(7);
    }

    [Fact]
    public async Task A_collector_is_switched_off_and_on_again()
    {
        // Other network namespaces would have the same families.
        using var file = new ConfigurationFile("netns: host\ncollector.counters.interval: 200ms\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);
        Page before = await daemon.ScrapeAsync();

        file.Write("netns: host\ncollector.counters: false\n");
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Collectors.ShouldBe(before.Collectors.Where(collector => collector != "counters")));
        Page without = await daemon.ScrapeAsync();
        without.Names.ShouldNotContain("conn_tcp_active_opens_total");
        without.Series.Keys.ShouldNotContain(key => key.Contains("collector=counters", StringComparison.Ordinal));

        file.Write("netns: host\ncollector.counters.interval: 200ms\n");
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Outcome("counters").ShouldBe("ok"));
        Page after = await daemon.ScrapeAsync();
        after.Names.ShouldBe(before.Names);
        await Eventually.Holds(async () => LastSuccess(await daemon.ScrapeAsync(), "counters").ShouldBeGreaterThan(LastSuccess(after, "counters")));
    }

    [Fact]
    public async Task Another_choice_of_network_namespaces_takes_effect()
    {
        using var file = new ConfigurationFile("netns: host\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);
        (await daemon.ScrapeAsync()).Names.ShouldNotContain("conn_namespaces");

        file.Write("netns: auto\n");
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Names.ShouldContain("conn_namespaces"));

        file.Write("netns: host\n");
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Names.ShouldNotContain("conn_namespaces"));
        (await daemon.ScrapeAsync()).Outcome("namespaces").ShouldBe("ok");
    }

    [Fact]
    public async Task What_takes_a_restart_stays_as_it_is_and_the_log_says_so()
    {
        using var file = new ConfigurationFile("web.telemetry-path: /metrics\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);

        file.Write("web.telemetry-path: /elsewhere\n");
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(() => daemon.Log.ShouldContain("A change of web.telemetry-path takes a restart"));
        await daemon.ScrapeAsync();
    }

    [Fact]
    public async Task Drops_of_a_listener_survive_its_end_and_a_reload()
    {
        using var file = new ConfigurationFile("collector.listeners.interval: 100ms\n");
        await using Daemon daemon = await Daemon.StartReadyAsync(file.Flag);
        int port;
        double drops = 0;
        using (Socket listener = Listen(0))
        {
            port = ((IPEndPoint)listener.LocalEndPoint!).Port;

            // One waits to be accepted, one more fits; the SYNs of the others are dropped, and sent again each second.
            List<Socket> clients = [.. Enumerable.Range(0, 6).Select(_ => Connect(port))];
            await Eventually.Holds(async () => Drops(await daemon.ScrapeAsync(), port).ShouldNotBeNull().ShouldBeGreaterThan(0));
            clients.ForEach(client => client.Dispose());
            drops = Drops(await daemon.ScrapeAsync(), port)!.Value;
        }

        await Eventually.Holds(async () => Drops(await daemon.ScrapeAsync(), port).ShouldBeNull());
        using Socket successor = Listen(port);
        await Eventually.Holds(async () => Drops(await daemon.ScrapeAsync(), port).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(drops));

        file.Write("collector.listeners.interval: 200ms\n");
        daemon.Signal(LibC.SigHup);

        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_collector_interval_seconds", ("collector", "listeners")].ShouldBe(0.2));
        double reloaded = LastSuccess(await daemon.ScrapeAsync(), "listeners");
        await Eventually.Holds(async () =>
        {
            Page page = await daemon.ScrapeAsync();
            LastSuccess(page, "listeners").ShouldBeGreaterThan(reloaded);
            Drops(page, port).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(drops);
        });
    }

    private static Socket Listen(int port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(1);
        return listener;
    }

    private static Socket Connect(int port)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            client.Connect(IPAddress.Loopback, port);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // On its way.
        }

        return client;
    }

    private static double? Drops(Page page, int port) => page.Find("conn_listener_drops_total", ("netns", "self"), ("address", "127.0.0.1"), ("port", port.ToString()));

    private static double LastSuccess(Page page, string collector = "ports") => page["conn_collector_last_success_timestamp_seconds", ("collector", collector)];
}
