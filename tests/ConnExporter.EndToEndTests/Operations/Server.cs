using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Operations;

/// <summary>A real Prometheus, Alertmanager or VictoriaMetrics on a known port of loopback; its log is kept.</summary>
internal sealed class Server : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private readonly StringBuilder log = new();
    private readonly Process process;

    private Server(string[] command, string directory, HttpClient client)
    {
        Client = client;
        process = new Process { StartInfo = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = directory } };
        process.OutputDataReceived += Note;
        process.ErrorDataReceived += Note;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Client { get; }

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

    /// <summary>Its resident memory in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>The CPU time that it has used.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>Starts it and waits until it answers.</summary>
    /// <param name="command">The program with its arguments.</param>
    /// <param name="directory">Where it runs.</param>
    /// <param name="client">A client of it; it belongs to the server from now on.</param>
    /// <param name="health">A path that answers 200 when it is ready.</param>
    public static async Task<Server> StartAsync(string[] command, string directory, HttpClient client, string health)
    {
        var server = new Server(command, directory, client);
        var clock = Stopwatch.StartNew();
        while (!server.process.HasExited && clock.Elapsed < StartPatience)
        {
            try
            {
                using HttpResponseMessage answer = await client.GetAsync(health);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return server;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(50);
        }

        await server.DisposeAsync();
        throw new InvalidOperationException($"{command[0]} did not start: {server.Log}");
    }

    public async Task<JsonDocument> GetAsync(string path)
    {
        using HttpResponseMessage answer = await Client.GetAsync(path);
        string text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, $"{path}: {text}");
        return JsonDocument.Parse(text);
    }

    /// <summary>Runs an instant query.</summary>
    /// <returns>The labels and the value of each series.</returns>
    public async Task<(Dictionary<string, string> Labels, double Value)[]> QueryAsync(string query)
    {
        using JsonDocument answer = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
        answer.RootElement.GetProperty("status").GetString().ShouldBe("success", query);
        return
        [
            .. answer.RootElement.GetProperty("data").GetProperty("result").EnumerateArray().Select(series => (
                series.GetProperty("metric").EnumerateObject().ToDictionary(label => label.Name, label => label.Value.GetString()!),
                double.Parse(series.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture))),
        ];
    }

    /// <summary>Runs an instant query that gives one number; NaN where it gives none.</summary>
    public async Task<double> NumberAsync(string query) => (await QueryAsync(query)) is [(_, double value)] ? value : double.NaN;

    /// <summary>Ends it at once, as a host that dies would.</summary>
    /// <summary>Asks it to end, and waits until it has.</summary>
    public async Task EndAsync()
    {
        LibC.Kill(process.Id, LibC.SigTerm);
        await process.WaitForExitAsync();
    }

    public async Task KillAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await KillAsync();
        process.Dispose();
    }

    private void Note(object sender, DataReceivedEventArgs line)
    {
        lock (log)
        {
            log.Append(line.Data).Append('\n');
        }
    }
}
