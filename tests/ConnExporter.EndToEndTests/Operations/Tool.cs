using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>Runs a program to its end.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs it in a directory.</summary>
    /// <returns>The exit code, and all that it said.</returns>
    public static async Task<(int ExitCode, string Said)> TryAsync(string directory, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory };
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, await output + await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    /// <summary>Runs it; anything but exit status 0 is an error that quotes it.</summary>
    public static async Task<string> RunAsync(string directory, string program, params string[] arguments)
    {
        (int exitCode, string said) = await TryAsync(directory, program, arguments);
        exitCode.ShouldBe(0, $"{program} {string.Join(' ', arguments)}: {said}");
        return said;
    }
}
