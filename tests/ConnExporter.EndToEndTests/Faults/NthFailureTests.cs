using System.Diagnostics;
using System.Net;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Faults;

/// <summary>
/// The published file while the Nth call of one kind fails in each of its threads, for N = 1, 2, … to the last one of a sample. It neither ends nor hangs,
/// it leaks nothing, and the second sample after the last failure is a good one again. Here some N, each with another error; with
/// CONN_EXPORTER_SWEEP=full every N.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed class NthFailureTests(PublishedProgram program, ITestOutputHelper output) : IDisposable
{
    private const string SignalThread = ".NET SigHandler";
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(3);
    private static readonly string[] Collectors =
        ["self", "states", "listeners", "counters", "sockstat", "ports", "census", "conntrack", "descriptors", "processes", "settings", "namespaces", "udp", "unix"];

    private static readonly string[] Busy = [.. Collectors.Select(collector => $"--collector.{collector}.interval=200ms"), "--netns=all", "--sampling.cpu-budget=1"];
    private readonly TemporaryDirectory directory = new();
    private readonly Process namespaces = StartNamespace();

    public void Dispose()
    {
        namespaces.Kill();
        namespaces.Dispose();
        directory.Dispose();
    }

    [TheoryThatNeeds(Need.Root, Strace.Program, "unshare", "perl")]
    [InlineData("openat", "EMFILE", "ENFILE", "ENOMEM", "EACCES", "ENOENT")]
    [InlineData("read", "EIO", "ENOMEM", "ESRCH", "EINTR")]
    [InlineData("pread64", "EIO", "ENOMEM", "ESRCH", "EINTR")]
    [InlineData("recvfrom,recvmsg", "ENOBUFS", "ENOMEM", "ECONNRESET", "EAGAIN", "EINTR")]
    [InlineData("sendto", "ENOBUFS", "ENOMEM", "ECONNREFUSED", "EINTR")]
    [InlineData("sendmsg", "ECONNRESET", "EPIPE", "EINTR")]
    [InlineData("accept4", "EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EINTR")]
    [InlineData("mmap", "ENOMEM")]
    [InlineData("newfstatat,statx", "EACCES", "ENOMEM", "ENOENT")]
    [InlineData("readlinkat", "EACCES", "ENOMEM", "ENOENT")]
    [InlineData("setns", "EPERM", "ENOMEM", "EINVAL")]
    [InlineData("socket", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES")]
    public async Task Whatever_fails_while_it_runs_it_goes_on(string calls, params string[] errors)
    {
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch(Busy) { Published = await program.FileAsync() });

        // One that is warm maps next to nothing; so all of it fails.
        bool isRare = calls == "mmap";

        // Once without any failure, which shows how many calls one sample takes and lets everything run that runs for the first time.
        IReadOnlyList<TracedCall> usual = await TraceAsync(daemon, calls);
        int last = usual.GroupBy(call => call.ThreadId).Select(thread => thread.Count()).DefaultIfEmpty(1).Max();
        State expected = await State.OfAsync(daemon);

        int injected = 0;
        var hit = new SortedSet<string>(StringComparer.Ordinal);
        int round = 0;
        foreach (int n in Sweep.Numbers(last))
        {
            string error = errors[round++ % errors.Length];
            IReadOnlyList<TracedCall> traced = [];

            // What is called once a sample may just have been called.
            for (int look = 0; look < (isRare ? 1 : 3) && !traced.Any(call => call.IsInjected); look++)
            {
                traced = await TraceAsync(daemon, calls, error, $"{n}+{(isRare ? 1 : last + 1)}");
            }

            injected += traced.Count(call => call.IsInjected);
            hit.UnionWith(traced.Where(call => call.IsInjected).Select(call => call.Thread));
            await RecoversAsync(daemon, expected, $"{calls}, call {n} of {last}: {error}");
        }

        output.WriteLine($"{calls}: {round} rounds of {last}, {injected} failures in {string.Join(", ", hit)}");
        injected.ShouldBeGreaterThanOrEqualTo(isRare ? 0 : Math.Max(1, round / 4), "otherwise this has shown nothing");

        // The end does not wait for what fails either. Without any memory the runtime aborts.
        await using (isRare ? null : await AttachAsync(daemon, calls, errors[0], "2+3"))
        {
            (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);
            exitCode.ShouldBe(0, daemon.Log);
            took.ShouldBeLessThan(EndsWithin);
        }
    }

    // A network namespace besides ours to enter, with a listener: one without sockets is not walked.
    private static Process StartNamespace() =>
        Process.Start(new ProcessStartInfo("unshare", ["--net", "perl", "-MIO::Socket::INET", "-e", "my $listener = IO::Socket::INET->new(Listen => 1, LocalPort => 80) or die $@; sleep 7200"]) { UseShellExecute = false })!;

    // Not what the kernel never does to the runtime: a pipe, by which it learns of signals, has no read that fails, so it takes that for the pipe's end;
    // and EAGAIN is a promise to tell when there is something, which nobody keeps here.
    private static Task<Strace> AttachAsync(Daemon daemon, string calls, string? error, string when = "") =>
        Strace.AttachAsync(daemon.ProcessId, calls, error is null ? null : $"error={error}:when={when}", thread => error switch
        {
            null or "EINTR" => true,
            "EAGAIN" => !thread.StartsWith(".NET ", StringComparison.Ordinal),

            // Kestrel goes on after such an error as if the answer were sent, and the client waits for it until it gives up.
            "ENOBUFS" or "ENOMEM" when calls == "sendto" => !thread.StartsWith(".NET ", StringComparison.Ordinal),
            _ => calls != "read" || thread != SignalThread,
        });

    // Long enough for a whole sample of every collector; somebody scrapes all the while.
    private static async Task<IReadOnlyList<TracedCall>> TraceAsync(Daemon daemon, string calls, string? error = null, string when = "")
    {
        await using Strace strace = await AttachAsync(daemon, calls, error, when);
        Dictionary<string, double>? first = null;
        await Eventually.Holds(async () =>
        {
            // Each time a new connection: to accept one can fail too.
            using HttpClient client = Daemon.NewClient(daemon.Addresses[0]);
            Page page = await ScrapeAsync(client);
            first ??= Collectors.ToDictionary(collector => collector, collector => Samples(page, collector));
            foreach ((string collector, double before) in first)
            {
                Samples(page, collector).ShouldBeGreaterThan(before, collector);
            }
        });
        return await strace.DetachAsync();
    }

    // Every sample takes some CPU time, whatever comes of it.
    private static double Samples(Page page, string collector) => page["conn_collector_cpu_seconds_total", ("collector", collector)];

    private static async Task<Page> ScrapeAsync(HttpClient client)
    {
        using HttpResponseMessage answer = await client.GetAsync("/metrics");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return Page.Parse(await answer.Content.ReadAsStringAsync());
    }

    private static async Task RecoversAsync(Daemon daemon, State expected, string after)
    {
        using HttpClient client = Daemon.NewClient(daemon.Addresses[0]);
        Page atEnd = null!;
        await Eventually.Holds(async () => atEnd = await ScrapeAsync(client));
        Page page = atEnd;
        await Eventually.Holds(async () =>
        {
            page = await ScrapeAsync(client);
            foreach (string collector in Collectors)
            {
                page.Outcome(collector).ShouldBe(expected.Outcomes[collector], $"{collector} after {after}: {daemon.Log}");
            }

            expected.Names.Except(page.Names).ShouldBeEmpty(after);
        });
        foreach (string collector in Collectors)
        {
            // The one that was in progress when it ended may still have failed; the second one must not.
            (Errors(page, collector) - Errors(atEnd, collector)).ShouldBeLessThan(2, $"{collector} after {after}: {daemon.Log}");
        }

        client.Dispose();
        await Eventually.Holds(async () =>
        {
            (_, int descriptors, int threads) = await State.ResourcesAsync(daemon);
            descriptors.ShouldBeLessThanOrEqualTo(expected.Descriptors, $"descriptors after {after}");
            threads.ShouldBeLessThanOrEqualTo(expected.Threads, $"threads after {after}: {string.Join(", ", Strace.Threads(daemon.ProcessId).Select(thread => thread.Name))}");
        });
    }

    private static double Errors(Page page, string collector) =>
        page.Series.Where(series => series.Key.StartsWith($"conn_collector_errors_total{{collector={collector},", StringComparison.Ordinal)).Sum(series => series.Value);

    /// <summary>What is to be again after a failure.</summary>
    private sealed record State(IReadOnlyDictionary<string, string?> Outcomes, IReadOnlyCollection<string> Names, int Descriptors, int Threads)
    {
        public static async Task<State> OfAsync(Daemon daemon)
        {
            int descriptors = int.MaxValue;
            int threads = int.MaxValue;
            Page page = null!;
            for (int look = 0; look < 20; look++)
            {
                (page, int opened, int started) = await ResourcesAsync(daemon);
                descriptors = Math.Min(descriptors, opened);
                threads = Math.Min(threads, started);
            }

            return new State(Collectors.ToDictionary(collector => collector, collector => page.Outcome(collector)), [.. page.Names.Except(Page.OfTheMoment)], descriptors, threads);
        }

        /// <summary>With one connection, the daemon's own client's.</summary>
        public static async Task<(Page Page, int Descriptors, int Threads)> ResourcesAsync(Daemon daemon)
        {
            Page page = await daemon.ScrapeAsync();
            return (page, Directory.GetFileSystemEntries($"/proc/{daemon.ProcessId}/fd").Length, Strace.Threads(daemon.ProcessId).Count);
        }
    }
}
