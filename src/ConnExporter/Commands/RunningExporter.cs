using System.Net;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Resources;

namespace ConnExporter.Commands;

/// <summary>The exporter that runs on this host, asked for what one look cannot tell: peaks, growth, when findings began, and slow leaks.</summary>
internal sealed class RunningExporter
{
    // On loopback; whoever does not answer in that time is not worth waiting for when something is on fire.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private RunningExporter(Uri address, JsonDocument? report, string? refusal)
    {
        Address = address;
        Report = report;
        Refusal = refusal;
    }

    /// <summary>Where it was looked for.</summary>
    public Uri Address { get; }

    /// <summary>Its report; null where there is none to be had.</summary>
    public JsonDocument? Report { get; }

    /// <summary>Why it did not tell, where something answered.</summary>
    public string? Refusal { get; }

    /// <summary>Asks.</summary>
    /// <param name="options">Where it listens, if it runs with these options.</param>
    /// <param name="language">The language of its texts.</param>
    public static RunningExporter Ask(ExporterOptions options, string language)
    {
        ListenAddress listen = options.ListenAddresses[0];
        IPAddress address = listen.Address is null || listen.Address.Equals(IPAddress.Any) || listen.Address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : listen.Address;
        var root = new Uri($"http://{new IPEndPoint(address, listen.Port)}/");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = Patience };
        try
        {
            using HttpResponseMessage answer = client.Send(new HttpRequestMessage(HttpMethod.Get, new Uri(root, $"api/v1/diagnosis?lang={language}")));
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                return new RunningExporter(root, null, $"HTTP {(int)answer.StatusCode}");
            }

            using Stream content = answer.Content.ReadAsStream();
            var report = JsonDocument.Parse(content);
            return report.RootElement.TryGetProperty("version", out JsonElement version) && version.TryGetInt32(out int number) && number == ReportJson.Version
                ? new RunningExporter(root, report, null)
                : new RunningExporter(root, null, "another version");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException or IOException)
        {
            return new RunningExporter(root, null, e is HttpRequestException { InnerException: System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.ConnectionRefused } } ? null : e.Message);
        }
    }

    /// <summary>Hands on what it knows of each instance.</summary>
    public void Prime(Diagnostician diagnostician)
    {
        foreach (JsonElement resource in Report?.RootElement.GetProperty("resources").EnumerateArray() ?? default)
        {
            if (ResourceKinds.Find(resource.GetProperty("resource").GetString()!) is not { } kind)
            {
                continue;
            }

            foreach (JsonElement instance in resource.GetProperty("instances").EnumerateArray())
            {
                diagnostician.Prime(
                    kind,
                    resource.GetProperty("netns").GetString()!,
                    instance.GetProperty("instance").GetString()!,
                    instance.GetProperty("peak").GetDouble(),
                    instance.GetProperty("growth_per_second") is { ValueKind: JsonValueKind.Number } growth ? growth.GetDouble() : null);
            }
        }
    }

    /// <summary>The findings that it sees.</summary>
    public IEnumerable<JsonElement> Findings => Report?.RootElement.GetProperty("findings").EnumerateArray() ?? Enumerable.Empty<JsonElement>();
}
