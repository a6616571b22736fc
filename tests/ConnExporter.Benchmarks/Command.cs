using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>Programs that run to their end.</summary>
internal static class Command
{
    /// <summary>What one run of a command costs, its start included.</summary>
    /// <param name="place">Where it runs.</param>
    /// <param name="command">The command, for a shell.</param>
    /// <param name="runs">How many runs to take the mean of: the shell tells milliseconds.</param>
    public static Cost Measure(TestNamespace place, string command, int runs)
    {
        string[] times = Inside(place, "bash", "-c", $"TIMEFORMAT='%3R %3U %3S'; {{ time for ((i = 0; i < {runs}; i++)); do {command} >/dev/null 2>&1; done; }} 2>&1")
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

        // In a process of its own: the peak of a child that is started from here would be this program's.
        string peak = Inside(place, "sh", "-c", $"/usr/bin/time -f %M sh -c 'exec {command} >/dev/null 2>&1' 2>&1").Trim();
        return new Cost((Number(times[1]) + Number(times[2])) * 1000 / runs, Number(times[0]) * 1000 / runs, Number(peak) * 1024 / Unit.Megabyte);
    }

    /// <summary>Runs a program outside to its end and gives what it printed.</summary>
    public static string RunToEnd(string program, params string[] arguments) => Finish(Process.Start(Quiet(program, arguments)), program, arguments);

    private static string Inside(TestNamespace place, string program, params string[] arguments) =>
        Finish(place.Inside(() => Process.Start(Quiet(program, arguments))), program, arguments);

    private static ProcessStartInfo Quiet(string program, string[] arguments) => new(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };

    private static string Finish(Process? started, string program, string[] arguments)
    {
        using Process process = started ?? throw new BenchmarkException($"{program} cannot be started");
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new BenchmarkException($"{program} {string.Join(' ', arguments)}: {(error.Result + output).Trim()}");
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
