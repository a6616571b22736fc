using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>The published daemon.</summary>
internal sealed class Daemon
{
    /// <summary>Its port, which nobody else has in a namespace of the benchmark's own.</summary>
    public const int Port = 9057;

    // A full budget leaves the intervals as they are given.
    private const string Budget = "--sampling.cpu-budget";
    private readonly string[] fixedIntervals;

    public Daemon(string file)
    {
        File = file;
        fixedIntervals = Command.RunToEnd(file, "--help").Contains(Budget, StringComparison.Ordinal) ? [$"{Budget}=1"] : [];
    }

    /// <summary>The one file.</summary>
    public string File { get; }

    /// <summary>Starts it as it is shipped.</summary>
    public Peer Start(TestNamespace place, params IEnumerable<string> arguments) => Peer.Start(place, Port, File, [$"--web.listen-address=127.0.0.1:{Port}", .. arguments]);

    /// <summary>Starts it with intervals that stay as they are given, whatever they cost.</summary>
    public Peer StartFixed(TestNamespace place, params IEnumerable<string> arguments) => Start(place, [.. fixedIntervals, .. arguments]);

    /// <summary>Launches it as it is shipped and waits for nothing.</summary>
    public Peer Launch(TestNamespace place, params IEnumerable<string> arguments) => Peer.Launch(place, Port, File, [$"--web.listen-address=127.0.0.1:{Port}", .. arguments]);

    /// <summary>One collector alone: the whole process's CPU is divided by its samples, so that everything around them counts too.</summary>
    public Cost Sample(TestNamespace place, string collector, TimeSpan interval, int samples, params IEnumerable<string> more)
    {
        while (true)
        {
            Cost cost = Measure(place, collector, interval, samples, more);
            if (cost.Wall < interval.TotalMilliseconds)
            {
                return cost;
            }

            // How many samples there were is not known then.
            Bench.Say($"  a sample of {collector} takes {cost.Wall:F0} ms, longer than its interval: measured again at twice the interval; is this machine busy?");
            interval *= 2;
        }
    }

    private Cost Measure(TestNamespace place, string collector, TimeSpan interval, int samples, IEnumerable<string> more)
    {
        using Peer peer = StartFixed(place, ["--collector.disable-defaults", $"--collector.{collector}", $"--collector.{collector}.interval={interval.TotalMilliseconds}ms", .. more]);

        // Whole intervals, so that it does not matter where in one they begin; not the first, in which buffers grow.
        Thread.Sleep(4 * interval);
        double ownBefore = OwnCpu(peer, collector);
        TimeSpan before = peer.Cpu;
        var clock = Stopwatch.StartNew();
        Thread.Sleep(samples * interval);
        double taken = clock.Elapsed / interval;
        double cpu = (peer.Cpu - before).TotalMilliseconds / taken;
        double own = (OwnCpu(peer, collector) - ownBefore) * 1000 / taken;
        double wall = ValueOf(peer.Scrape(), "conn_collector_duration_seconds", Label(collector)) * 1000;
        return new Cost(cpu, wall, peer.PeakResident) { Own = own };
    }

    /// <summary>A value of the metrics page.</summary>
    public static double ValueOf(string page, string family, string label)
    {
        string line = page.Split('\n').FirstOrDefault(line => line.StartsWith(family + "{", StringComparison.Ordinal) && line.Contains(label, StringComparison.Ordinal))
            ?? throw new BenchmarkException($"no {family} with {label} on the page");
        return double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    private static double OwnCpu(Peer peer, string collector) => ValueOf(peer.Scrape(), "conn_collector_cpu_seconds_total", Label(collector));

    private static string Label(string collector) => $"collector=\"{collector}\"";
}
