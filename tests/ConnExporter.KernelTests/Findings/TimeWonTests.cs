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

    // By what it has room for, at the rate at which it grew: by the clock it would take a quarter of an hour.
    [KernelFact("dotnet", "python3", "sysctl")]
    public void A_wider_range_buys_about_the_time_that_it_says()
    {
        const string Leak = """
            import signal, socket, sys, time, resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
            fast = []
            signal.signal(signal.SIGUSR1, lambda *_: fast.append(1))
            server = socket.create_server(('127.0.0.1', 8080), backlog=4096)
            kept, left = [], []
            def connect():
                client = socket.socket()
                try: client.connect(('127.0.0.1', 8080))
                except OSError:
                    client.close()
                    return False
                kept.append(client); left.append(server.accept()[0])
                return True
            while len(kept) < 700: connect()
            print('ready', flush=True)
            begun, before = time.monotonic(), len(kept)
            while not fast:
                connect()
                time.sleep(0.5)
            rate = (len(kept) - before) / (time.monotonic() - begun)
            while connect(): pass
            print(len(kept), rate, flush=True)
            time.sleep(600)
            """;
        const int Before = 1000;
        using var network = new NetworkNamespace();

        // Most of the wider range is reserved already, so that it is soon full.
        network.Run("sysctl", "-w", "net.ipv4.ip_local_port_range=20000 20999", "net.ipv4.ip_local_reserved_ports=12000-19999,21000-65535");
        using Process leak = network.Start("python3", ["-c", Leak]);
        leak.StandardOutput.ReadLine().ShouldBe("ready");
        try
        {
            JsonElement remedy;
            using (var daemon = new RunningDaemon(network, "--netns=host", "--diagnosis.for=200ms", "--collector.census.interval=1s", "--collector.ports.interval=1s"))
            {
                remedy = Poll.Until(() => WideningOf(daemon), found => found is not null, "a forecast", TimeSpan.FromSeconds(200))!.Value;
            }

            foreach (JsonElement command in remedy.GetProperty("commands").EnumerateArray())
            {
                network.Run("sh", "-c", command.GetString()!);
            }

            Tool.Run(TimeSpan.FromSeconds(10), "kill", "-USR1", $"{leak.Id}");
            string[] told = leak.StandardOutput.ReadLine()!.Split(' ');
            double won = (double.Parse(told[0], CultureInfo.InvariantCulture) - Before) / double.Parse(told[1], CultureInfo.InvariantCulture);

            won.ShouldBeGreaterThan(500, "the wider range has room");
            remedy.GetProperty("buys_seconds").GetDouble().ShouldBeInRange(won / 2, won * 2);
        }
        finally
        {
            leak.Kill();
            leak.WaitForExit();
        }
    }

    private static JsonElement? WideningOf(RunningDaemon daemon)
    {
        using var document = JsonDocument.Parse(daemon.Get("/api/v1/diagnosis"));
        JsonElement[] found =
        [
            .. document.RootElement.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("remedies").EnumerateArray())
                .Where(remedy => remedy.GetProperty("remedy").GetString() == "widen_port_range" && remedy.GetProperty("commands").GetArrayLength() > 0 && remedy.GetProperty("buys_seconds").ValueKind == JsonValueKind.Number),
        ];
        return found.Length == 0 ? null : found[0].Clone();
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
