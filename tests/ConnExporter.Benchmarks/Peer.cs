using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>An exporter under measurement, in a network namespace of the benchmark. Its CPU time and memory are read from outside.</summary>
internal sealed class Peer : IDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private readonly Process process;
    private readonly TestNamespace place;
    private readonly int port;

    private Peer(Process process, TestNamespace place, int port)
    {
        this.process = process;
        this.place = place;
        this.port = port;
    }

    /// <summary>CPU time so far, user and system, of all its threads.</summary>
    public TimeSpan Cpu => ProcessClock.Of(process.Id);

    /// <summary>Resident memory in MB.</summary>
    public double Resident => Status("VmRSS:");

    /// <summary>The highest resident memory so far in MB.</summary>
    public double PeakResident => Status("VmHWM:");

    /// <summary>Private memory in MB: what is not backed by a file.</summary>
    public double Private => Status("RssAnon:");

    /// <summary>Starts an exporter and waits until it answers.</summary>
    public static Peer Start(TestNamespace place, int port, string program, params IEnumerable<string> arguments)
    {
        Peer peer = Launch(place, port, program, arguments);
        peer.WaitFor("/metrics", TimeSpan.FromMilliseconds(20));
        return peer;
    }

    /// <summary>Starts an exporter and waits for nothing.</summary>
    public static Peer Launch(TestNamespace place, int port, string program, params IEnumerable<string> arguments) => new(place.Start(program, arguments), place, port);

    /// <summary>Asks for a page until it is there.</summary>
    public void WaitFor(string path, TimeSpan pause) => WaitUntil(() => HttpConnection.TryGet(place, port, path), pause);

    /// <summary>Waits until it listens.</summary>
    public void WaitForPort() => WaitUntil(() => HttpConnection.TryOpen(place, port), TimeSpan.FromMilliseconds(20));


    /// <summary>Asks for the metrics page once and reads it to the end.</summary>
    public string Scrape()
    {
        using HttpConnection connection = Connect();
        return connection.Get("/metrics");
    }

    /// <summary>What one scrape costs, the mean of some.</summary>
    public Cost ScrapeCost(int scrapes)
    {
        TimeSpan before = Cpu;
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < scrapes; i++)
        {
            Scrape();
        }

        return new Cost((Cpu - before).TotalMilliseconds / scrapes, clock.Elapsed.TotalMilliseconds / scrapes, PeakResident);
    }

    /// <summary>A connection that stays open.</summary>
    public HttpConnection Connect(byte client = 1, WebConfig? tls = null) => HttpConnection.Open(place, port, client, tls);

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
    }

    private void WaitUntil(Func<bool> there, TimeSpan pause)
    {
        var clock = Stopwatch.StartNew();
        while (!there())
        {
            if (process.HasExited || clock.Elapsed > StartPatience)
            {
                throw new BenchmarkException($"{process.StartInfo.ArgumentList[3]} does not answer on port {port}: not installed, or the port is taken?");
            }

            Thread.Sleep(pause);
        }
    }

    private double Status(string name)
    {
        string line = File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024 / Unit.Megabyte;
    }
}
