using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Faults;

/// <summary>SIGTERM ends the published file with 0 in less than 3 s while nothing works. Others show it for stuck reads, hostile clients and a blocked log.</summary>
[Collection(OneAtATime.Name)]
public sealed class EndInDistressTests(PublishedProgram program)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    // The runtime makes a thread for SIGTERM, the log one to be flushed by, and a thread takes two descriptors; without them the runtime aborts. The daemon itself
    // refuses connections from 16 below the limit on, so that they are there.
    private const int ForTheEnd = 6;

    [FactThatNeeds("prlimit")]
    public async Task It_ends_without_descriptors()
    {
        await using Daemon daemon = await StartAsync();

        // By their number: what was inherited may be far above the others.
        using var limit = new DescriptorLimit(daemon.ProcessId, Directory.GetFileSystemEntries($"/proc/{daemon.ProcessId}/fd").Length + ForTheEnd);
        using var crowd = new Crowd(daemon, 50);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync())["conn_exporter_connections_closed_total", ("reason", "descriptors")].ShouldBeGreaterThan(0));

        await EndsAsync(daemon);
    }

    [TheoryThatNeeds(Strace.Program)]
    [InlineData("openat,socket,pipe2,eventfd2", "error=ENFILE")]
    [InlineData("sendto,recvfrom", "error=ENOBUFS")]
    [InlineData("openat,socket", "error=ENOMEM")]
    public async Task It_ends_while_nothing_can_be_opened_or_asked(string calls, string injection)
    {
        await using Daemon daemon = await StartAsync();
        await using Strace strace = await Strace.AttachAsync(daemon.ProcessId, calls, injection, IsCollector);
        await Eventually.Holds(async () => (await daemon.ScrapeAsync()).Series.Where(series => series.Key.StartsWith("conn_collector_errors_total", StringComparison.Ordinal)).Sum(series => series.Value).ShouldBeGreaterThan(0));

        await EndsAsync(daemon);
    }

    // The web server receives and sends by the same calls.
    private static bool IsCollector(string thread) => !thread.StartsWith(".NET ", StringComparison.Ordinal);

    private static async Task EndsAsync(Daemon daemon)
    {
        (int exitCode, TimeSpan took) = await daemon.EndByAsync(LibC.SigTerm);
        exitCode.ShouldBe(0, daemon.Log);
        took.ShouldBeLessThan(Limit);
    }

    private async Task<Daemon> StartAsync() => await Daemon.StartReadyAsync(new Launch("--sampling.cpu-budget=1", "--netns=host", "--collector.processes.interval=200ms", "--collector.states.interval=200ms") { Published = await program.FileAsync() });
}
