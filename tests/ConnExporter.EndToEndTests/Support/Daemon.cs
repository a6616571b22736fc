using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>The daemon as a process of its own, on a port that the kernel chose.</summary>
internal sealed partial class Daemon : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan ExitPatience = TimeSpan.FromSeconds(10);

    private readonly Process process;
    private readonly StringBuilder log = new();
    private readonly Task reading;
    private readonly TaskCompletionSource<Uri[]> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Daemon(Launch launch)
    {
        process = launch.Start();
        reading = ReadLogAsync(launch.LogIsLeftUnread);
    }

    public int ProcessId => process.Id;

    /// <summary>Where it listens, in the order it was told.</summary>
    public Uri[] Addresses { get; private set; } = [];

    /// <summary>A client with a connection of its own; it neither unpacks nor follows.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>The log so far.</summary>
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

    public IReadOnlyList<string> LogLines => Log.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The code it ended with.</summary>
    public int ExitCode => process.ExitCode;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => process.HasExited;

    /// <summary>Starts it and waits for nothing.</summary>
    public static Daemon Begin(Launch launch) => new(launch);

    /// <summary>Waits until it listens, or has ended and everything that it wrote is in <see cref="Log"/>.</summary>
    /// <returns>Whether it listens.</returns>
    public async Task<bool> ListensOrEndsAsync()
    {
        await Task.WhenAny(listening.Task, reading).WaitAsync(StartPatience);
        if (listening.Task.IsCompletedSuccessfully)
        {
            Addresses = await listening.Task;
            Client = NewClient(Addresses[0]);
            return true;
        }

        await process.WaitForExitAsync().WaitAsync(ExitPatience);
        return false;
    }

    /// <summary>Starts it with flags, and waits until it listens.</summary>
    public static Task<Daemon> StartAsync(params string[] flags) => StartAsync(new Launch(flags));

    /// <summary>Starts it, and waits until it listens. Unless told otherwise that is on loopback.</summary>
    public static async Task<Daemon> StartAsync(Launch launch)
    {
        if (!launch.Arguments.Any(argument => argument.StartsWith("--web.listen-address", StringComparison.Ordinal)))
        {
            launch = launch with { Arguments = [.. launch.Arguments, "--web.listen-address=127.0.0.1:0"] };
        }

        var daemon = new Daemon(launch);
        try
        {
            daemon.Addresses = await daemon.listening.Task.WaitAsync(StartPatience);
            daemon.Client = NewClient(daemon.Addresses[0]);
            return daemon;
        }
        catch (Exception e)
        {
            await daemon.DisposeAsync();
            throw new InvalidOperationException($"the daemon did not start: {daemon.Log}", e);
        }
    }

    /// <summary>As <see cref="StartAsync(string[])"/>, and waits until every collector has sampled.</summary>
    public static Task<Daemon> StartReadyAsync(params string[] flags) => StartReadyAsync(new Launch(flags));

    public static async Task<Daemon> StartReadyAsync(Launch launch)
    {
        Daemon daemon = await StartAsync(launch);
        try
        {
            await Eventually.Holds(async () =>
            {
                using HttpResponseMessage answer = await daemon.Client.GetAsync("/-/ready");
                answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            });
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }

        return daemon;
    }

    public static HttpClient NewClient(Uri address, TimeSpan? patience = null) => new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None })
    {
        BaseAddress = address,
        Timeout = patience ?? TimeSpan.FromSeconds(10),
    };

    /// <summary>Gets the metrics page as bytes.</summary>
    public async Task<HttpResponseMessage> GetMetricsAsync(bool openMetrics = false, bool gzip = false, HttpClient? client = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        if (openMetrics)
        {
            request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse("application/openmetrics-text;version=1.0.0"));
        }

        if (gzip)
        {
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
        }

        HttpResponseMessage answer = await SendAsync(request, client ?? Client);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return answer;
    }

    /// <summary>Gets the metrics page and reads it.</summary>
    public async Task<Page> ScrapeAsync(bool openMetrics = false)
    {
        using HttpResponseMessage answer = await GetMetricsAsync(openMetrics);
        return Page.Parse(await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Memory in RAM, from /proc.</summary>
    public long ResidentBytes => Status("VmRSS:");

    /// <summary>That of it which no file backs.</summary>
    public long AnonymousBytes => Status("RssAnon:");

    /// <summary>CPU time so far, of all threads.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    public void Signal(int signal) => LibC.Kill(process.Id, signal);

    /// <summary>Sends a signal and waits for the end.</summary>
    /// <returns>The exit code, and how long it took.</returns>
    public async Task<(int ExitCode, TimeSpan Took)> EndByAsync(int signal)
    {
        var clock = Stopwatch.StartNew();
        Signal(signal);
        await process.WaitForExitAsync().WaitAsync(ExitPatience);
        return (process.ExitCode, clock.Elapsed);
    }

    /// <summary>What it wrote to standard output, once it has ended.</summary>
    public Task<string> ReadOutputAsync() => process.StandardOutput.ReadToEndAsync();

    /// <summary>Reads what was left unread of the log, once it has ended.</summary>
    public Task<string> ReadRestOfLogAsync() => process.StandardError.ReadToEndAsync();

    /// <summary>Closes the reading end of the log.</summary>
    public void CloseLog() => process.StandardError.Close();

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        await reading;
        process.Dispose();
    }

    // No answer ever comes of a daemon that has ended: then its log is what the reader needs.
    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, HttpClient client)
    {
        try
        {
            return await client.SendAsync(request);
        }
        catch (HttpRequestException e) when (process.HasExited)
        {
            await reading.WaitAsync(ExitPatience);
            throw new HttpRequestException($"the daemon has ended with {process.ExitCode}: {Log}", e);
        }
    }

    private long Status(string name) => 1024 * long.Parse(
        File.ReadLines($"/proc/{ProcessId}/status").First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    private async Task ReadLogAsync(bool startOnly)
    {
        while (!(startOnly && listening.Task.IsCompleted) && await process.StandardError.ReadLineAsync() is { } line)
        {
            lock (log)
            {
                log.Append(line).Append('\n');
            }

            if (ListensOn().Match(line) is { Success: true } match)
            {
                listening.TrySetResult([.. match.Groups["address"].Captures.Select(capture => new Uri(capture.Value))]);
            }
        }

        listening.TrySetException(new InvalidOperationException("it ended"));
    }

    [GeneratedRegex(@"listens on (?<address>https?://[^\s"",]+)(, (?<address>https?://[^\s"",]+))*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListensOn();
}
