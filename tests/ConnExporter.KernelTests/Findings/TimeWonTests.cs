using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace ConnExporter.KernelTests.Findings;

/// <summary>What a remedy says it buys, by the clock.</summary>
public class TimeWonTests
{
    // As much time as the remedy claims, by the clock.
    [KernelFact("dotnet", "python3", "prlimit")]
    public void A_higher_limit_buys_about_the_time_that_it_says()
    {
        const string Leak = """
            import resource, sys, time
            resource.setrlimit(resource.RLIMIT_NOFILE, (3000, 20000))
            kept = [open('/dev/null') for _ in range(900)]
            print('ready', flush=True)
            while True:
                try: kept.append(open('/dev/null'))
                except OSError: pass
                time.sleep(0.025)
            """;
        using var network = new NetworkNamespace();
        using Process leak = network.Start("python3", ["-c", Leak]);
        leak.StandardOutput.ReadLine().ShouldBe("ready");
        try
        {
            using var daemon = new RunningDaemon(network, "--netns=host", "--diagnosis.for=200ms", "--collector.processes.interval=1s");
            double? buys = null;
            Poll.Until(() => buys = Buys(daemon, leak.Id), found => found is not null, "a forecast", TimeSpan.FromSeconds(150));
            Tool.Run(TimeSpan.FromSeconds(10), "prlimit", "--pid", $"{leak.Id}", "--nofile=6000:20000");

            Poll.Until(() => Open(leak), count => count >= 3000, "the old limit", TimeSpan.FromSeconds(150));
            long began = Stopwatch.GetTimestamp();
            Poll.Until(() => Open(leak), count => count >= 6000, "the new limit", TimeSpan.FromSeconds(400));

            double took = Stopwatch.GetElapsedTime(began).TotalSeconds;
            buys!.Value.ShouldBeInRange(took / 2, took * 2);
        }
        finally
        {
            leak.Kill();
            leak.WaitForExit();
        }
    }

    private static int Open(Process process) => Directory.EnumerateFileSystemEntries($"/proc/{process.Id}/fd").Count();

    private static double? Buys(RunningDaemon daemon, int processId)
    {
        using var document = JsonDocument.Parse(daemon.Get("/api/v1/diagnosis"));
        foreach (JsonElement remedy in document.RootElement.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("remedies").EnumerateArray()))
        {
            if (remedy.GetProperty("commands").EnumerateArray().Any(command => command.GetString() == string.Create(CultureInfo.InvariantCulture, $"prlimit --pid {processId} --nofile=6000:20000"))
                && remedy.GetProperty("buys_seconds") is { ValueKind: JsonValueKind.Number } seconds)
            {
                return seconds.GetDouble();
            }
        }

        return null;
    }
}
