using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>
/// The file that is shipped: one of native code. Published once for all tests that need it; PROGRAM_UNDER_TEST names one that is to be tested instead.
/// </summary>
public sealed class PublishedProgram : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private readonly TemporaryDirectory directory = new();
    private readonly Lazy<Task<string>> file;

    public PublishedProgram() => file = new Lazy<Task<string>>(() => Environment.GetEnvironmentVariable("PROGRAM_UNDER_TEST") is { } given ? Task.FromResult(given) : PublishAsync());

    /// <summary>Its path.</summary>
    public Task<string> FileAsync() => file.Value;

    public void Dispose() => directory.Dispose();

    private async Task<string> PublishAsync()
    {
        // Its own place for intermediate files, so that it is in nobody's way; the lock files have to hold for it as well.
        string[] arguments =
        [
            "publish", Path.Join(Repository.Root, "src/ConnExporter"), "-c", "Release", "-r", "linux-x64", "-o", directory["out"], "--artifacts-path", directory["artifacts"],
            "--disable-build-servers", "-nodeReuse:false", "-p:RestoreLockedMode=true",
        ];
        var start = new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        using Process publish = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        string said;
        try
        {
            Task<string> error = publish.StandardError.ReadToEndAsync(patience.Token);
            said = await publish.StandardOutput.ReadToEndAsync(patience.Token) + await error;
            await publish.WaitForExitAsync(patience.Token);
        }
        finally
        {
            if (!publish.HasExited)
            {
                publish.Kill(entireProcessTree: true);
            }
        }

        publish.ExitCode.ShouldBe(0, said);
        said.ShouldNotContain("warning", Case.Insensitive);
        Directory.EnumerateFiles(directory["out"]).Select(Path.GetFileName).ShouldBe(["conn-exporter"], "it is one file");
        return directory["out/conn-exporter"];
    }
}
