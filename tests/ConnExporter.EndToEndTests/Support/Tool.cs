using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>A program that is run to its end.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Runs it; anything but success fails the test with what it said.</summary>
    /// <returns>Its standard output.</returns>
    public static Task<string> RunAsync(params string[] command) => RunInAsync(Repository.Root, command);

    /// <summary>The same in another directory than that of the sources.</summary>
    public static async Task<string> RunInAsync(string directory, params string[] command)
    {
        Finished finished = await TryInAsync(directory, command);
        finished.ExitCode.ShouldBe(0, $"{string.Join(' ', command)}\n{finished.Output}\n{finished.Error}");
        return finished.Output;
    }

    /// <summary>Runs it, whatever comes of it.</summary>
    public static Task<Finished> TryAsync(params string[] command) => TryInAsync(Repository.Root, command);

    private static async Task<Finished> TryInAsync(string directory, string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        start.Environment["LC_ALL"] = "C";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";

        // Compilers that stay behind would keep the output open, and the tests waiting.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
            string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return new Finished(process.ExitCode, output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
