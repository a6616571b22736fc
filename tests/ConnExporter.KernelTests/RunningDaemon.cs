using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace ConnExporter.KernelTests;

/// <summary>The daemon serving in a namespace.</summary>
internal sealed class RunningDaemon : IDisposable
{
    public const int Port = 9800;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly NetworkNamespace network;
    private readonly Process process;
    private readonly StringBuilder log = new();

    public RunningDaemon(NetworkNamespace network, params IEnumerable<string> flags)
    {
        this.network = network;
        // Tests are in a hurry: without a bound unless they are about it.
        string[] unbound = flags.Any(flag => flag.StartsWith("--sampling.cpu-budget", StringComparison.Ordinal)) ? [] : ["--sampling.cpu-budget=1"];
        process = network.Start(Places.Program[0], [.. Places.Program[1..], $"--web.listen-address=127.0.0.1:{Port}", .. unbound, .. flags]);
        process.OutputDataReceived += Note;
        process.ErrorDataReceived += Note;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            Poll.Until(() => TryGet("/-/ready"), answer => answer is not null || process.HasExited, "a sample of every collector", Patience);
            process.HasExited.ShouldBeFalse(Log);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Its process: ip replaces itself by the daemon.</summary>
    public int ProcessId => process.Id;

    /// <summary>What it has logged.</summary>
    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    /// <summary>One page.</summary>
    public MetricsText Scrape() => TryScrape() ?? throw new InvalidOperationException($"no page; {Log}");

    /// <summary>What it answers; its log where it does not.</summary>
    public string Get(string path) => TryGet(path) ?? throw new InvalidOperationException($"no answer to {path}; {Log}");

    /// <summary>Tells it to end and waits until it has.</summary>
    /// <returns>Its exit status, and how long it took.</returns>
    public (int Status, TimeSpan Time) End()
    {
        long start = Stopwatch.GetTimestamp();
        Tool.Run(Patience, "kill", "-TERM", $"{process.Id}");
        process.WaitForExit(Patience).ShouldBeTrue(Log);
        return (process.ExitCode, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>Waits until it is known to have ended, where somebody else has ended it.</summary>
    public void AwaitExit() => process.WaitForExit(Patience).ShouldBeTrue(Log);

    public void Dispose()
    {
        // ip replaces itself by the daemon, so this is the daemon's own id.
        if (!process.HasExited)
        {
            Tool.Run(Patience, "kill", "-TERM", $"{process.Id}");
            if (!process.WaitForExit(Patience))
            {
                process.Kill(entireProcessTree: true);
            }
        }

        process.Dispose();
    }

    private void Note(object sender, DataReceivedEventArgs line)
    {
        lock (log)
        {
            log.AppendLine(line.Data);
        }
    }

    private MetricsText? TryScrape() => TryGet("/metrics") is { } page ? new MetricsText(page) : null;

    private string? TryGet(string path)
    {
        try
        {
            using Socket socket = network.Inside(() =>
            {
                var opened = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    opened.Connect("127.0.0.1", Port);
                    return opened;
                }
                catch
                {
                    opened.Dispose();
                    throw;
                }
            });
            using var handler = new SocketsHttpHandler { ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(new NetworkStream(socket)) };
            using var client = new HttpClient(handler) { Timeout = Patience };
            using HttpResponseMessage response = client.Send(new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{Port}{path}"));
            using var reader = new StreamReader(response.EnsureSuccessStatusCode().Content.ReadAsStream());
            return reader.ReadToEnd();
        }
        catch (InvalidOperationException e) when (e.InnerException is SocketException)
        {
            return null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
