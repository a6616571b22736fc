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
    public void A_wider_range_and_another_address_buy_about_the_time_that_they_say()
    {
        const string Leak = """
            import signal, socket, sys, time, resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
            fast = []
            signal.signal(signal.SIGUSR1, lambda *_: fast.append(1))
            server = socket.create_server(('127.0.0.1', 8080), backlog=4096)
            kept, left = [], []
            def connect(source=None):
                client = socket.socket()
                # IP_BIND_ADDRESS_NO_PORT: the address now, the port at connect().
                client.setsockopt(socket.IPPROTO_IP, 24, 1)
                if source: client.bind((source, 0))
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
            first = len(kept)
            while connect('127.0.0.2'): pass
            print(first, len(kept) - first, rate, flush=True)
            while len(fast) < 2: time.sleep(0.1)
            while connect(): pass
            print(len(kept), flush=True)
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
            double byAddress;
            using (var daemon = new RunningDaemon(network, "--netns=host", "--diagnosis.for=200ms", "--collector.census.interval=1s", "--collector.ports.interval=1s"))
            {
                remedy = Poll.Until(() => PromiseOf(daemon, "widen_port_range"), found => found is { } one && one.GetProperty("commands").GetArrayLength() > 0, "a forecast", TimeSpan.FromSeconds(200))!.Value;
                byAddress = PromiseOf(daemon, "more_addresses")!.Value.GetProperty("buys_seconds").GetDouble();
            }

            // First as many as there is room for as it is, then from another address.
            Tool.Run(TimeSpan.FromSeconds(10), "kill", "-USR1", $"{leak.Id}");
            double[] told = [.. leak.StandardOutput.ReadLine()!.Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture))];
            told[0].ShouldBe(Before);
            double rate = told[2];
            byAddress.ShouldBeInRange(told[1] / rate / 2, told[1] / rate * 2);

            Run(network, remedy);
            Tool.Run(TimeSpan.FromSeconds(10), "kill", "-USR1", $"{leak.Id}");
            double won = (double.Parse(leak.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture) - told[0] - told[1]) / rate;

            won.ShouldBeGreaterThan(500, "the wider range has room");
            remedy.GetProperty("buys_seconds").GetDouble().ShouldBeInRange(won / 2, won * 2);
        }
        finally
        {
            leak.Kill();
            leak.WaitForExit();
        }
    }

    private static void Run(NetworkNamespace network, JsonElement remedy)
    {
        foreach (JsonElement command in remedy.GetProperty("commands").EnumerateArray())
        {
            network.Run("sh", "-c", command.GetString()!);
        }
    }

    // A remedy that says what it buys.
    private static JsonElement? PromiseOf(RunningDaemon daemon, string name)
    {
        using var document = JsonDocument.Parse(daemon.Get("/api/v1/diagnosis"));
        JsonElement[] found =
        [
            .. document.RootElement.GetProperty("findings").EnumerateArray().SelectMany(finding => finding.GetProperty("remedies").EnumerateArray())
                .Where(remedy => remedy.GetProperty("remedy").GetString() == name && remedy.GetProperty("buys_seconds").ValueKind == JsonValueKind.Number),
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
