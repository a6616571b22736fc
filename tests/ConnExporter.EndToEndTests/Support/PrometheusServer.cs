using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>A real Prometheus that scrapes each second.</summary>
internal sealed partial class PrometheusServer : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private readonly TemporaryDirectory directory = new();
    private readonly StringBuilder log = new();
    private readonly TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process process;
    private readonly Task reading;
    private HttpClient client = null!;

    private PrometheusServer(string scrapes)
    {
        string configuration = directory.Write("prometheus.yml", $"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{scrapes}");

        // It tells of samples it could not append at the level debug only.
        string[] arguments = [$"--config.file={configuration}", $"--storage.tsdb.path={directory["data"]}", "--web.listen-address=127.0.0.1:0", "--log.level=debug"];
        process = Process.Start(new ProcessStartInfo("prometheus", arguments) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = directory.Path })!;
        reading = ReadLogAsync();
    }

    /// <summary>The log so far.</summary>
    public string[] LogLines
    {
        get
        {
            lock (log)
            {
                return log.ToString().Split('\n');
            }
        }
    }

    public static Task<PrometheusServer> StartAsync(params (string Job, string Target)[] jobs) =>
        StartAsync(string.Concat(jobs.Select(job => $"- {{job_name: {job.Job}, static_configs: [{{targets: ['{job.Target}']}}]}}\n")));

    /// <summary>Starts one with the scrape configurations as they stand in its file.</summary>
    public static async Task<PrometheusServer> StartAsync(string scrapes)
    {
        var server = new PrometheusServer(scrapes);
        try
        {
            server.client = Daemon.NewClient(await server.listening.Task.WaitAsync(StartPatience));
            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException($"Prometheus did not start: {server.log}", e);
        }
    }

    /// <summary>The last scrape error of each active target; empty where there was none.</summary>
    public async Task<Dictionary<string, string>> LastErrorsAsync()
    {
        using JsonDocument answer = await GetAsync("/api/v1/targets?state=active");
        return answer.RootElement.GetProperty("data").GetProperty("activeTargets").EnumerateArray()
            .ToDictionary(target => target.GetProperty("scrapePool").GetString()!, target => target.GetProperty("lastError").GetString()!);
    }

    /// <summary>Runs an instant query.</summary>
    /// <returns>Values by series, as <see cref="Page.Series"/> has them; job and instance are left out.</returns>
    public async Task<Dictionary<string, double>> QueryAsync(string query)
    {
        using JsonDocument answer = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
        return answer.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().ToDictionary(Key, Value);
    }

    /// <summary>Runs an instant query that gives one number; null where it gives none.</summary>
    public async Task<double?> NumberAsync(string query) => (await QueryAsync(query)) is { Count: 1 } result ? result.Values.Single() : null;

    public async ValueTask DisposeAsync()
    {
        client?.Dispose();
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        await reading;
        process.Dispose();
        directory.Dispose();
    }

    private static string Key(JsonElement series)
    {
        JsonElement metric = series.GetProperty("metric");
        return Page.Key(
            metric.TryGetProperty("__name__", out JsonElement name) ? name.GetString()! : "",
            metric.EnumerateObject().Where(label => label.Name is not ("__name__" or "job" or "instance")).Select(label => (label.Name, label.Value.GetString()!)));
    }

    private static double Value(JsonElement series) => double.Parse(series.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture);

    private async Task<JsonDocument> GetAsync(string path)
    {
        var answer = JsonDocument.Parse(await client.GetStringAsync(path));
        answer.RootElement.GetProperty("status").GetString().ShouldBe("success");
        return answer;
    }

    private async Task ReadLogAsync()
    {
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            lock (log)
            {
                log.Append(line).Append('\n');
            }

            if (ListeningOn().Match(line) is { Success: true } match)
            {
                listening.TrySetResult(new Uri($"http://{match.Groups["address"].Value}"));
            }
        }

        listening.TrySetException(new InvalidOperationException("it ended"));
    }

    [GeneratedRegex("msg=\"Listening on\" address=(?<address>\\S+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListeningOn();
}
