using System.Diagnostics;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>A mount namespace of the test's own, to which network namespaces are added as to a host with very many containers.</summary>
internal sealed class CrowdedHost : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly Process process;

    private CrowdedHost(Process process) => this.process = process;

    /// <summary>The command that runs another one there, and becomes it. It stays in the network namespace of the test.</summary>
    public string[] Inside => ["nsenter", "-t", $"{process.Id}", "-m", "--"];

    public static async Task<CrowdedHost> MakeAsync()
    {
        string[] command =
        [
            "-m", "sh", "-ec", "mount --make-rprivate /; mkdir -p /run/netns; mount -t tmpfs none /run/netns; exec \"$@\"", "sh", "dotnet", Repository.Lab, "crowd",
        ];
        var host = new CrowdedHost(Process.Start(new ProcessStartInfo("unshare", command) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!);
        (await host.ReadLineAsync()).ShouldStartWith("ready ");
        return host;
    }

    /// <summary>Adds network namespaces.</summary>
    /// <param name="count">How many.</param>
    /// <param name="busy">How many of them have sockets.</param>
    /// <param name="peers">ESTABLISHED sockets of each of these, each to a peer of its own.</param>
    /// <param name="listeners">Listeners of each of these.</param>
    public Task AddAsync(int count, int busy = 0, int peers = 0, int listeners = 0) => SayAsync($"make {count} {busy} {peers} {listeners}");

    /// <summary>Does away with so many of the oldest, and adds as many empty ones.</summary>
    public Task ReplaceAsync(int count) => SayAsync($"replace {count}");

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Patience);
        process.Dispose();
    }

    private async Task SayAsync(string command)
    {
        await process.StandardInput.WriteLineAsync(command);
        await process.StandardInput.FlushAsync();
        (await ReadLineAsync()).ShouldStartWith("done ");
    }

    private async Task<string> ReadLineAsync() => (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience)).ShouldNotBeNull();
}
