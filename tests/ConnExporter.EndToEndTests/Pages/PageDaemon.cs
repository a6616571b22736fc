using System.Diagnostics;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Pages;

/// <summary>The daemon in a network of a test's own.</summary>
internal sealed class PageDaemon : IAsyncDisposable
{
    public const int Port = 9057;
    private readonly Process process;
    private readonly Task<string> log;

    private PageDaemon(PageNetwork network, string[] flags)
    {
        // What is quick to see is quick to test: short waits, short intervals.
        string[] command =
        [
            .. network.Enter, .. ProgramUnderTest.Command(Repository.DaemonDirectory), $"--web.listen-address=127.0.0.1:{Port}", "--netns=host",
            "--collector.census.interval=1s", "--collector.processes.interval=1s", "--diagnosis.for=1s", .. flags,
        ];
        process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardError = true, Environment = { ["DOTNET_EnableDiagnostics"] = "0" } })!;
        log = process.StandardError.ReadToEndAsync();
        Client = network.NewClient(Port);
    }

    public HttpClient Client { get; }

    public int ProcessId => process.Id;

    public static async Task<PageDaemon> StartAsync(PageNetwork network, params string[] flags)
    {
        var daemon = new PageDaemon(network, flags);
        await Eventually.Holds(async () => (await daemon.Client.GetAsync("/-/ready")).IsSuccessStatusCode.ShouldBeTrue());
        return daemon;
    }

    public async Task<string> GetAsync(string path) => await Client.GetStringAsync(path);

    /// <summary>A JSON document.</summary>
    public async Task<JsonElement> ReadAsync(string path)
    {
        using var document = JsonDocument.Parse(await GetAsync(path));
        return document.RootElement.Clone();
    }

    /// <summary>Waits for a finding.</summary>
    public Task FindsAsync(string finding) => Eventually.Holds(async () =>
        (await ReadAsync("/api/v1/diagnosis")).GetProperty("findings").EnumerateArray().Select(one => one.GetProperty("finding").GetString()).ShouldContain(finding));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        process.Kill();
        await process.WaitForExitAsync();
        await log;
        process.Dispose();
    }
}
