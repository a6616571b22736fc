using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Resources;

namespace ConnExporter.Commands;

/// <summary>The exporter that runs on this host, asked for what one look cannot tell: peaks, growth, when findings began, and slow leaks.</summary>
/// <remarks>Whoever listens there may not be one: an answer that is too large or makes no sense is as good as none.</remarks>
internal sealed class RunningExporter
{
    private const int LargestAnswer = 8 << 20;

    // On loopback; whoever does not answer in that time is not worth waiting for when something is on fire.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private RunningExporter(string address, string? refusal)
    {
        Address = address;
        Refusal = refusal;
    }

    /// <summary>Where it was looked for.</summary>
    public string Address { get; }

    /// <summary>Why it did not tell; null where it did, or nobody listens there.</summary>
    public string? Refusal { get; }

    /// <summary>Whether it told.</summary>
    public bool HasTold { get; private init; }

    /// <summary>What it knows of instances of resources.</summary>
    public ImmutableArray<Known> Instances { get; private init; } = [];

    /// <summary>The findings that it sees.</summary>
    public ImmutableArray<Found> Findings { get; private init; } = [];

    /// <summary>Asks.</summary>
    /// <param name="options">Where it listens, if it runs with these options.</param>
    /// <param name="language">The language of its texts.</param>
    public static RunningExporter Ask(ExporterOptions options, string language)
    {
        ListenAddress listen = options.ListenAddresses[0];
        string address = listen.UnixPath is null ? $"http://{OnLoopback(listen)}/" : listen.ToString();
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectCallback = (_, end) => ConnectAsync(listen, end) })
        {
            Timeout = Patience,
            MaxResponseContentBufferSize = LargestAnswer,
        };
        try
        {
            using HttpResponseMessage answer = client.Send(new HttpRequestMessage(HttpMethod.Get, $"http://localhost/api/v1/diagnosis?lang={language}"));
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                return new RunningExporter(address, $"HTTP {(int)answer.StatusCode}");
            }

            using Stream content = answer.Content.ReadAsStream();
            using var document = JsonDocument.Parse(content);
            return Read(address, document.RootElement);
        }
        catch (HttpRequestException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.AddressNotAvailable } or FileNotFoundException)
        {
            return new RunningExporter(address, refusal: null);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return new RunningExporter(address, e.Message);
        }
    }

    /// <summary>Hands on what it knows of each instance.</summary>
    public void Prime(Diagnostician diagnostician)
    {
        foreach (Known known in Instances)
        {
            diagnostician.Prime(known.Kind, known.Netns, known.Instance, known.Peak, known.GrowthPerSecond);
        }
    }

    private static RunningExporter Read(string address, JsonElement root)
    {
        if (root.GetProperty("version").GetInt32() != ReportJson.Version)
        {
            return new RunningExporter(address, $"version {root.GetProperty("version")} of its report, this program reads {ReportJson.Version}");
        }

        return new RunningExporter(address, refusal: null)
        {
            HasTold = true,
            Instances = [.. root.GetProperty("resources").EnumerateArray().SelectMany(ReadInstances)],
            Findings =
            [
                .. root.GetProperty("findings").EnumerateArray().Select(finding => new Found(
                    finding.GetProperty("finding").GetString()!, finding.GetProperty("netns").GetString()!, finding.GetProperty("since").GetDateTimeOffset(), finding.Clone())),
            ],
        };
    }

    // A resource of a newer exporter is nothing to this one.
    private static IEnumerable<Known> ReadInstances(JsonElement resource) => ResourceKinds.Find(resource.GetProperty("resource").GetString()!) is not { } kind
        ? []
        : resource.GetProperty("instances").EnumerateArray().Select(instance => new Known(
            kind,
            resource.GetProperty("netns").GetString()!,
            instance.GetProperty("instance").GetString()!,
            instance.GetProperty("peak").GetDouble(),
            instance.GetProperty("growth_per_second") is { ValueKind: JsonValueKind.Number } growth ? growth.GetDouble() : null));

    private static async ValueTask<Stream> ConnectAsync(ListenAddress listen, CancellationToken end)
    {
        EndPoint endPoint = listen.UnixPath is { } path ? new UnixDomainSocketEndPoint(path) : OnLoopback(listen);
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(endPoint, end);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static IPEndPoint OnLoopback(ListenAddress listen) => new(
        listen.Address is null || listen.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : listen.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : listen.Address,
        listen.Port);

    /// <summary>What is known of an instance of a resource.</summary>
    internal sealed record Known(ResourceKind Kind, string Netns, string Instance, double Peak, double? GrowthPerSecond);

    /// <summary>A finding: its name, where, since when, and as the document has it.</summary>
    internal sealed record Found(string Id, string Netns, DateTimeOffset Since, JsonElement Json);
}
