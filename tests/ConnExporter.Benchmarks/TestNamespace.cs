using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>A network namespace of the benchmark's own, with loopback up. Nothing outside it is touched.</summary>
internal sealed class TestNamespace : IDisposable
{
    private readonly string name = $"conn-bench-{Environment.ProcessId}";

    public TestNamespace()
    {
        RunToEnd("ip", "netns", "add", name);
        RunToEnd("ip", "-n", name, "link", "set", "lo", "up");
    }

    /// <summary>Starts a program inside.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="keepOutput">Whether standard output is for the caller to read; otherwise it is thrown away.</param>
    public Process Start(string program, IEnumerable<string> arguments, bool keepOutput = false)
    {
        // The shell's exec keeps the process id and sends what is not read to nowhere: a full pipe would stop the program.
        string redirect = keepOutput ? "" : " >/dev/null";
        var start = new ProcessStartInfo("ip", ["netns", "exec", name, "/bin/sh", "-c", $"exec \"$@\"{redirect} 2>/dev/null", "sh", program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = keepOutput,
        };
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["MALLOC_ARENA_MAX"] = "1";
        return Process.Start(start) ?? throw new BenchmarkException($"{program} cannot be started");
    }

    /// <summary>Runs a command inside to its end and gives the CPU time it took, user and system.</summary>
    public TimeSpan CpuOf(string command)
    {
        string times = RunToEnd("ip", "netns", "exec", name, "bash", "-c", $"TIMEFORMAT='%U %S'; {{ time {command} >/dev/null 2>&1; }} 2>&1");
        return TimeSpan.FromSeconds(times.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Sum(part => double.Parse(part, CultureInfo.InvariantCulture)));
    }

    /// <summary>Runs a program outside to its end and gives what it printed.</summary>
    public static string RunToEnd(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new BenchmarkException($"{program} cannot be started");
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new BenchmarkException($"{program} {string.Join(' ', arguments)}: {(error.Result + output).Trim()}");
        }

        return output;
    }

    public void Dispose() => RunToEnd("ip", "netns", "del", name);
}
