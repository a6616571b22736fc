using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Faults;

/// <summary>
/// The host has no open files left (ENFILE), which root never sees and everybody else does, or the process has none (EMFILE): every call of the published
/// file that opens anything fails. Ten seconds here, and a minute with CONN_EXPORTER_SWEEP=full.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed class NoFilesTests(PublishedProgram program, ITestOutputHelper output)
{
    private const string Opening = "openat,socket,socketpair,accept4,pipe2,epoll_create1,eventfd2,inotify_init1,memfd_create,timerfd_create";
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(Sweep.IsFull ? 60 : 10);
    private static readonly TimeSpan Usual = Duration / 2;

    // What reads by descriptors that it keeps; each second, so two intervals are two seconds, and one for the scrape.
    private static readonly string[] HostWide = ["counters", "sockstat", "descriptors", "listeners"];
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(3);

    [TheoryThatNeeds(Strace.Program, "prlimit", Need.Prometheus)]
    [InlineData("ENFILE")]
    [InlineData("EMFILE")]
    public async Task Without_files_Prometheus_sees_it_up_and_the_host_as_it_is(string error)
    {
        // A limit of the process can be set; that of the host would be everybody's.
        bool isInjected = error == "ENFILE";
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch("--netns=host") { Published = await program.FileAsync() });
        await using PrometheusServer prometheus = await PrometheusServer.StartAsync(("conn", $"127.0.0.1:{daemon.Addresses[0].Port}"));
        await Eventually.Holds(async () => (await prometheus.NumberAsync("sum_over_time(up[10s])")).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(2));
        await daemon.ScrapeAsync();
        int descriptors = Descriptors(daemon);

        // strace costs the daemon CPU time, so what is usual is measured under it as well.
        double usual;
        await using (isInjected ? await Strace.AttachAsync(daemon.ProcessId, Opening, injection: null) : null)
        {
            (usual, _) = await WatchAsync(daemon, Usual);
        }

        double share;
        TimeSpan stale;
        await using (Strace? strace = isInjected ? await Strace.AttachAsync(daemon.ProcessId, Opening, $"error={error}") : null)
        {
            using DescriptorLimit? limit = isInjected ? null : new DescriptorLimit(daemon.ProcessId, descriptors);
            using var crowd = new Crowd(daemon, 50);
            (share, stale) = await WatchAsync(daemon, Duration);
            if (strace is not null)
            {
                (await strace.DetachAsync()).Count(call => call.IsInjected).ShouldBeGreaterThan(20, "otherwise this has shown nothing");
            }
            else
            {
                (await daemon.ScrapeAsync())["conn_exporter_connections_closed_total", ("reason", "descriptors")].ShouldBeGreaterThan(0);
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{error} for {Duration.TotalSeconds} s{(isInjected ? ", injected" : "")}: {share:P2} of a core, usually {usual:P2}; stale at most {stale.TotalSeconds:F1} s"));

        // The tracer takes its share of each call that fails, and tests beside this one make it more; one that spins would take the whole core.
        share.ShouldBeLessThan(Sweep.IsFull ? 0.02 : usual + 0.06);
        stale.ShouldBeLessThan(Fresh);
        string window = $"{(int)(Duration + Usual).TotalSeconds}s";
        (await prometheus.NumberAsync($"min_over_time(up[{window}])")).ShouldBe(1);
        (await prometheus.NumberAsync($"count_over_time(up[{window}])")).ShouldNotBeNull().ShouldBeGreaterThan(Duration.TotalSeconds);

        await Eventually.Holds(async () =>
        {
            using HttpClient another = Daemon.NewClient(daemon.Addresses[0]);
            (await another.StatusAsync("/-/healthy")).ShouldBe(System.Net.HttpStatusCode.OK);
            Page page = await daemon.ScrapeAsync();
            page.Collectors.ShouldAllBe(collector => page.Outcome(collector) == "ok" || page.Outcome(collector) == "absent");
        });
        await Eventually.Holds(() => Descriptors(daemon).ShouldBeLessThanOrEqualTo(descriptors));
        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    private static int Descriptors(Daemon daemon) => Directory.GetFileSystemEntries($"/proc/{daemon.ProcessId}/fd").Length;

    // The share of a core that it takes, and the age of its oldest host-wide reading.
    private static async Task<(double Share, TimeSpan Stale)> WatchAsync(Daemon daemon, TimeSpan duration)
    {
        TimeSpan before = daemon.CpuTime;
        TimeSpan stale = TimeSpan.Zero;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < duration)
        {
            Page page = await daemon.ScrapeAsync();
            double now = (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;
            foreach (string collector in HostWide)
            {
                var age = TimeSpan.FromSeconds(now - page["conn_collector_last_success_timestamp_seconds", ("collector", collector)]);
                stale = age > stale ? age : stale;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }

        return ((daemon.CpuTime - before) / clock.Elapsed, stale);
    }
}

/// <summary>Clients that connect and wait.</summary>
internal sealed class Crowd : IDisposable
{
    private readonly List<Socket> sockets = [];

    public Crowd(Daemon daemon, int size)
    {
        for (int i = 0; i < size; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            sockets.Add(socket);
            socket.Connect(daemon.Addresses[0].Host, daemon.Addresses[0].Port);
        }
    }

    public void Dispose() => sockets.ForEach(socket => socket.Dispose());
}
