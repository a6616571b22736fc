using System.Diagnostics;
using System.Globalization;

namespace ConnExporter.Benchmarks;

/// <summary>A process under measurement, in the benchmark's network namespace. Its CPU time and memory are read from outside, from /proc.</summary>
internal sealed class Peer : IDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(20);
    private readonly Process process;
    private readonly TestNamespace place;
    private readonly int port;

    private Peer(Process process, TestNamespace place, int port)
    {
        this.process = process;
        this.place = place;
        this.port = port;
    }

    /// <summary>Starts an exporter and waits until it answers.</summary>
    public static Peer Start(TestNamespace place, int port, string program, params string[] arguments)
    {
        // ip netns exec replaces itself by the program: the process id is the program's.
        var peer = new Peer(place.Start(program, arguments), place, port);
        var clock = Stopwatch.StartNew();
        while (!peer.TryScrape())
        {
            if (peer.process.HasExited || clock.Elapsed > StartPatience)
            {
                peer.Dispose();
                throw new BenchmarkException($"{program} does not answer on port {port}");
            }

            Thread.Sleep(100);
        }

        return peer;
    }

    /// <summary>CPU time so far, user and system, of all its threads.</summary>
    public TimeSpan Cpu
    {
        get
        {
            // The sum over the process, in ticks of 10 ms: measure long enough.
            string stat = File.ReadAllText($"/proc/{process.Id}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromMilliseconds(10 * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>Resident memory in bytes.</summary>
    public long Resident => Status("VmRSS:");

    /// <summary>The highest resident memory so far in bytes.</summary>
    public long PeakResident => Status("VmHWM:");

    /// <summary>Asks for the metrics page once and reads it to the end.</summary>
    public string Scrape()
    {
        using Process curl = place.Start("curl", ["-s", "-S", "--fail", "--max-time", "60", $"http://127.0.0.1:{port}/metrics"], keepOutput: true);
        string page = curl.StandardOutput.ReadToEnd();
        curl.WaitForExit();
        return curl.ExitCode == 0 ? page : throw new BenchmarkException($"a scrape of port {port} failed");
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
    }

    private bool TryScrape()
    {
        try
        {
            return Scrape().Length > 0;
        }
        catch (BenchmarkException)
        {
            return false;
        }
    }

    private long Status(string name)
    {
        string line = File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
    }
}
