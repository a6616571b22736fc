using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Faults;

/// <summary>The published file on a disk that hangs: whoever asks it sleeps in the kernel until it is back. That costs what is on the disk and nothing else.</summary>
[Collection(OneAtATime.Name)]
public sealed class HungDiskTests(PublishedProgram program, ITestOutputHelper output) : IDisposable
{
    private const int Scrapes = 100;
    private const string Incidents = "/incidents";
    private static readonly TimeSpan FastEnough = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.Root, Need.Fuse, "nsenter")]
    public async Task Fifty_browsers_that_wait_for_the_disk_keep_no_scrape_waiting()
    {
        await using Daemon daemon = await StartAsync($"--recorder.path={directory.Path}");
        (await daemon.Client.StatusAsync(Incidents)).ShouldBe(HttpStatusCode.OK);
        var scraper = new Scraper(daemon);
        await scraper.ScrapeAsync(5);
        int threads = Threads(daemon.ProcessId);
        await using (await HungFileSystem.MountAsync(daemon.ProcessId, directory.Path))
        {
            await using var browsers = new HostileClients(daemon);
            browsers.Browse(Incidents, 25).Browse(Incidents + "/20261120T214751Z-001.json", 25);
            await Eventually.Holds(() => browsers.Answers.GetValueOrDefault(503).ShouldBeGreaterThan(20));
            TimeSpan slowest = await scraper.SlowestAsync(Scrapes, FastEnough);

            output.WriteLine($"the slowest of {Scrapes} scrapes took {slowest.TotalMilliseconds:F0} ms; {Threads(daemon.ProcessId)} threads");
            slowest.ShouldBeLessThan(FastEnough);
            browsers.Answers.ShouldNotContainKey(0, "nobody is cut off");
            Threads(daemon.ProcessId).ShouldBeLessThanOrEqualTo(threads, "one thread is held, however many ask");
            using HttpResponseMessage head = await daemon.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, Incidents));
            head.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            (await (await daemon.Client.GetAsync(Incidents)).Content.ReadAsStringAsync()).ShouldContain("the disk does not answer");
        }

        await Eventually.Holds(async () => (await daemon.Client.StatusAsync(Incidents)).ShouldBe(HttpStatusCode.OK, "the disk is back"));
        daemon.LogLines.Count(line => line.Contains("The disk has not answered for 2 s", StringComparison.Ordinal)).ShouldBe(1);
        await EndsAsync(daemon);
    }

    [FactThatNeeds(Need.Root, Need.Fuse, "nsenter", "prlimit")]
    public async Task A_record_that_cannot_be_written_holds_up_neither_scrapes_nor_the_diagnosis_nor_the_end()
    {
        using var manager = new ServiceManager(onAbstractAddress: false);
        await using Daemon daemon = await StartAsync(
            new Launch($"--recorder.path={directory.Path}", "--netns=host", "--sampling.cpu-budget=1", "--collector.processes.interval=200ms", "--diagnosis.for=100ms") { Environment = { ["NOTIFY_SOCKET"] = manager.Address, ["WATCHDOG_USEC"] = "4000000" } });
        await using HungFileSystem hung = await HungFileSystem.MountAsync(daemon.ProcessId, directory.Path);

        // 17 descriptors of 20.
        using var service = Process.Start("prlimit", ["--nofile=20:20", "bash", "-c", "for i in {3..16}; do eval \"exec $i</dev/null\"; done; exec sleep 60"]);
        await Eventually.Holds(() => daemon.Log.ShouldContain("until it does no incident is recorded"));

        double judged = (await daemon.ScrapeAsync())["conn_diagnosis_timestamp_seconds"];
        (await new Scraper(daemon).SlowestAsync(Scrapes, FastEnough)).ShouldBeLessThan(FastEnough);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_diagnosis_timestamp_seconds"].ShouldBeGreaterThan(judged));
        (await daemon.ScrapeAsync())["conn_recorder_records_total", ("result", "written")].ShouldBe(0);
        var clock = Stopwatch.StartNew();
        await manager.NextWithAsync("WATCHDOG");
        await manager.NextWithAsync("WATCHDOG");
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(4));
        service.Kill();
        await EndsAsync(daemon);
    }

    [FactThatNeeds(Need.Root, Need.Fuse, "nsenter")]
    public async Task A_certificate_that_cannot_be_read_again_leaves_the_old_one_in_force_and_holds_up_nothing()
    {
        using var access = new TemporaryDirectory();
        using var certificates = new TestCertificates(access);
        certificates.Make("server", TestCertificates.ServerUse, ["localhost"]);
        string config = directory.Write("web.yml", $"tls_server_config: {{cert_file: {access["server.crt"]}, key_file: {access["server.key"]}}}\n");
        await using Daemon daemon = await StartAsync($"--web.config.file={config}");
        using HttpClient client = SecureClient.New(daemon.Addresses[0], certificates.Authority);
        await Eventually.Holds(async () => Page.Parse(await client.GetStringAsync("/metrics"))["conn_exporter_web_config_last_reload_successful"].ShouldBe(1));
        await using (await HungFileSystem.MountAsync(daemon.ProcessId, access.Path))
        {
            for (int i = 0; i < 20; i++)
            {
                daemon.Signal(LibC.SigHup);
                await Task.Delay(20);
            }

            await Eventually.Holds(async () =>
                Page.Parse(await client.GetStringAsync("/metrics"))["conn_exporter_web_config_last_reload_successful"].ShouldBe(0, "it cannot be known whether it is the newest"));

            // Connections are looked after all the while.
            double before = Page.Parse(await client.GetStringAsync("/metrics"))["conn_exporter_connections"];
            List<Socket> more = [.. Enumerable.Range(0, 5).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
            await Task.WhenAll(more.Select(socket => socket.ConnectAsync(IPAddress.Loopback, daemon.Addresses[0].Port)));
            await Eventually.Holds(async () => Page.Parse(await client.GetStringAsync("/metrics"))["conn_exporter_connections"].ShouldBeGreaterThanOrEqualTo(before + 5));
            more.ForEach(socket => socket.Dispose());
            TimeSpan slowest = TimeSpan.MaxValue;
            for (int window = 0; window < 3 && slowest >= FastEnough; window++)
            {
                slowest = await SlowestAsync(client);
            }

            slowest.ShouldBeLessThan(FastEnough);
        }

        await Eventually.Holds(TimeSpan.FromSeconds(30), async () => Page.Parse(await client.GetStringAsync("/metrics"))["conn_exporter_web_config_last_reload_successful"].ShouldBe(1));
        await EndsAsync(daemon);
    }

    [FactThatNeeds(Need.Root, Need.Fuse, "nsenter")]
    public async Task A_configuration_that_cannot_be_read_again_leaves_the_old_one_in_force_and_holds_up_nothing()
    {
        string config = directory.Write("conn-exporter.yml", "collector.ports.interval: 9s\n");
        await using Daemon daemon = await StartAsync($"--config.file={config}");
        await using (await HungFileSystem.MountAsync(daemon.ProcessId, directory.Path))
        {
            for (int i = 0; i < 20; i++)
            {
                daemon.Signal(LibC.SigHup);
                await Task.Delay(20);
            }

            (await new Scraper(daemon).SlowestAsync(Scrapes, FastEnough)).ShouldBeLessThan(FastEnough);
            await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(0));
        }

        // What waited ends with an error; the next reload finds the file again.
        await Eventually.Holds(async () =>
        {
            daemon.Signal(LibC.SigHup);
            (await daemon.ScrapeAsync())["conn_exporter_config_last_reload_successful"].ShouldBe(1);
        });
        await EndsAsync(daemon);
    }

    [FactThatNeeds(Need.Root, Need.Fuse, "nsenter")]
    public async Task It_ends_while_every_file_it_has_to_do_with_hangs()
    {
        string access = directory.Write("web.yml", "http_server_config: {}\n");
        string config = directory.Write("conn-exporter.yml", "");
        await using Daemon daemon = await StartAsync($"--web.config.file={access}", $"--config.file={config}", $"--recorder.path={directory.Path}");
        await using HungFileSystem hung = await HungFileSystem.MountAsync(daemon.ProcessId, directory.Path);
        await using var browsers = new HostileClients(daemon);
        browsers.Browse(Incidents, 50);
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(() => browsers.Answers.GetValueOrDefault(503).ShouldBeGreaterThan(0));

        await EndsAsync(daemon);
    }

    [FactThatNeeds(Need.Root, Need.PidsGroup)]
    public async Task With_everything_on_it_has_fewer_threads_than_its_unit_allows_and_lives_without_another_one()
    {
        int allowed = int.Parse(File.ReadLines(Path.Join(Repository.Root, "conn-exporter.service")).Single(line => line.StartsWith("TasksMax=", StringComparison.Ordinal)).Split('=')[1], CultureInfo.InvariantCulture);
        string access = directory.Write("web.yml", "basic_auth_users: {}\n");
        string config = directory.Write("conn-exporter.yml", "collector.ports: false\n");
        await using var group = ControlGroup.Make(Need.PidsGroup);
        group.LimitThreads(allowed);
        await using Daemon daemon = await StartAsync(new Launch($"--web.config.file={access}", $"--config.file={config}", $"--recorder.path={directory.Path}", "--netns=all") { Under = group.Inside });
        LibC.MakeFifo(directory["incident-20261120T214751Z-001.0001.begin.critical.json"]);
        await using (var clients = new HostileClients(daemon))
        {
            clients.Browse(Incidents, 30).Browse("/", 30).ReadSlowly("/metrics", 30);
            int most = 0;
            for (int i = 0; i < 50; i++)
            {
                most = Math.Max(most, Threads(daemon.ProcessId));
                await Task.Delay(100);
            }

            output.WriteLine($"at most {most} threads of {allowed}");

            // Those of one more collector, of a signal and of the log's last lines.
            most.ShouldBeLessThan(allowed - 10);
        }

        // No thread is to be had any more: what needs one is told to be broken, and tried again.
        group.LimitThreads(Threads(daemon.ProcessId));
        File.WriteAllText(config, "");
        daemon.Signal(LibC.SigHup);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Outcome("ports").ShouldBe("broken"));
        group.Refused.ShouldBeGreaterThan(0);
        daemon.LogLines.Count(line => line.Contains("no thread can be started", StringComparison.Ordinal)).ShouldBe(1);

        group.LimitThreads(allowed);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Outcome("ports").ShouldBe("ok"));
        await EndsAsync(daemon);
    }

    private static async Task<TimeSpan> SlowestAsync(HttpClient client)
    {
        TimeSpan slowest = TimeSpan.Zero;
        for (int i = 0; i < Scrapes; i++)
        {
            var clock = Stopwatch.StartNew();
            await client.GetByteArrayAsync("/metrics");
            slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
        }

        return slowest;
    }

    private static int Threads(int process) => Strace.Threads(process).Count;

    private static async Task EndsAsync(Daemon daemon)
    {
        (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);
        exitCode.ShouldBe(0, daemon.Log);
        took.ShouldBeLessThan(Limit);
    }

    private Task<Daemon> StartAsync(params string[] flags) => StartAsync(new Launch([.. flags, "--netns=host"]));

    private async Task<Daemon> StartAsync(Launch launch)
    {
        launch = launch with { Published = await program.FileAsync(), Under = [.. HungFileSystem.Under, .. launch.Under] };
        bool open = !launch.Arguments.Any(argument => argument.StartsWith("--web.config", StringComparison.Ordinal));
        return open ? await Daemon.StartReadyAsync(launch) : await Daemon.StartAsync(launch);
    }
}
