using System.Net;
using ConnExporter.EndToEndTests.Support;
using Xunit.Abstractions;

namespace ConnExporter.EndToEndTests.Faults;

/// <summary>
/// The published file while the Nth call of one kind fails in each of its threads from its first instruction on, for N = 1, 2, … to the last one before
/// it is ready. It gets ready all the same, or it ends with a documented code and says why. Here some N; with CONN_EXPORTER_SWEEP=full every N.
/// </summary>
[Collection(OneAtATime.Name)]
public sealed class StartFailureTests(PublishedProgram program, ITestOutputHelper output) : IDisposable
{
    private const string Beginning = "fcntl";
    private const string SignalThread = ".NET SigHandler";
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(3);
    private static readonly int[] DocumentedCodes = [2, 3, 4, 70];
    private readonly TemporaryDirectory directory = new();
    private string outcome = "";

    public void Dispose() => directory.Dispose();

    [TheoryThatNeeds(Strace.Program)]
    [InlineData("openat", "EMFILE", "ENFILE", "ENOMEM", "EACCES")]
    [InlineData("read", "EIO", "ENOMEM", "EINTR")]
    [InlineData("pread64", "EIO", "ENOMEM", "EINTR")]
    [InlineData("mmap", "ENOMEM")]
    [InlineData("newfstatat,statx", "EACCES", "ENOMEM")]
    [InlineData("readlinkat,readlink", "EACCES", "ENOMEM")]
    [InlineData("socket", "EMFILE", "ENFILE", "ENOBUFS", "EACCES")]
    [InlineData("accept4", "EMFILE", "ENFILE", "ECONNABORTED")]
    [InlineData("recvmsg,recvfrom", "ENOMEM", "ENOBUFS", "EINTR")]
    [InlineData("sendto", "ECONNRESET", "EINTR")]
    [InlineData("sendmsg", "ECONNRESET", "EPIPE", "EINTR")]
    public async Task Whatever_fails_at_the_start_it_gets_ready_or_says_why_not(string calls, params string[] errors)
    {
        string[] names = calls.Split(',');
        int last = (await StartAsync(calls, injection: null)).Where(call => names.Contains(call.Name)).GroupBy(call => (call.ThreadId, call.Name)).Max(thread => thread.Count());
        var outcomes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        int round = 0;
        foreach (int n in Sweep.Numbers(last))
        {
            string error = errors[round++ % errors.Length];
            outcome = "";
            await StartAsync(calls, $"error={error}:when={n}");
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        output.WriteLine($"{calls}: {round} starts of {last}: {string.Join(", ", outcomes.Select(entry => $"{entry.Value} × {entry.Key}"))}");
    }

    private async Task<IReadOnlyList<TracedCall>> StartAsync(string calls, string? injection)
    {
        string trace = directory["trace"];
        File.Delete(trace);
        var launch = new Launch("--web.listen-address=127.0.0.1:0", "--netns=host")
        {
            Published = await program.FileAsync(),
            Under = Strace.Under(trace, $"{calls},{Beginning}", injection is null ? null : $"{calls}:{injection}"),
        };
        await using var daemon = Daemon.Begin(launch);
        string what = $"{calls}: {injection}";
        if (await daemon.ListensOrEndsAsync())
        {
            // It told where it listens, so it has to answer, and everything has to be read; or it says what it lacks.
            await Eventually.Holds(async () => (daemon.HasEnded || await daemon.Client.StatusAsync("/-/ready") == HttpStatusCode.OK).ShouldBeTrue($"{what}: {daemon.Log}"));
            if (daemon.HasEnded)
            {
                outcome = $"exit {daemon.ExitCode} after it listened";
                daemon.ExitCode.ShouldBe(70, $"{what}: {daemon.Log}");
                await Eventually.Holds(() =>
                {
                    daemon.Log.ShouldContain("; the daemon ends for it");
                    return Task.CompletedTask;
                });
                daemon.Log.ShouldNotContain("a defect");
                return [];
            }

            await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Collectors.Count().ShouldBeGreaterThan(10));
            IReadOnlyList<TracedCall> soFar = Strace.Read(trace);
            outcome = "ready";

            // The runtime waits for signals at a pipe, and takes a read of it that fails for its end. The kernel lets none fail but for a signal.
            if (!soFar.Any(call => call is { IsInjected: true, Thread: SignalThread }))
            {
                (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);
                exitCode.ShouldBe(0, $"{what}: {daemon.Log}");
                took.ShouldBeLessThan(EndsWithin, what);
            }

            return soFar;
        }

        string log = daemon.Log;
        if (!HasBegun(trace, log))
        {
            // The dynamic loader, the runtime's host or the runtime gave up: some with a message and a code of their own, some with an abort.
            outcome = $"exit {daemon.ExitCode} before our code";
            daemon.ExitCode.ShouldNotBe(0, $"{what}: {log}");
            return [];
        }

        outcome = $"exit {daemon.ExitCode}";
        if (calls == "mmap" && (log.Trim() == "Out of memory." || log.Contains("System.Threading.PortableThreadPool.", StringComparison.Ordinal)))
        {
            // The runtime's own words, before it aborts: for want of heap, or of a thread that its pool needs. Nobody is asked.
            daemon.ExitCode.ShouldBe(134, what);
            return [];
        }

        DocumentedCodes.ShouldContain(daemon.ExitCode, $"{what}: {log}");

        // A collector may have logged its own failure before.
        string[] said = [.. log.TrimEnd('\n').Split('\n').Where(line => !line.StartsWith("ts=", StringComparison.Ordinal))];
        said.Length.ShouldBe(1, $"{what}: one line says it");
        said[0].ShouldStartWith("conn-exporter: ");
        return [];
    }

    // The first call that is ours is the look at standard input; a trace of the stack or a message tells as well.
    private static bool HasBegun(string trace, string log) =>
        log.StartsWith("conn-exporter: ", StringComparison.Ordinal)
        || log.Contains("at ConnExporter.", StringComparison.Ordinal)
        || Strace.Read(trace).Any(call => call.Name == Beginning && call.Rest.StartsWith("0, F_GETFD", StringComparison.Ordinal));
}
