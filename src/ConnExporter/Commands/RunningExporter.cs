using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Resources;
using ConnExporter.Terminal;
using ConnExporter.Texts;

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
        EndPoint server = listen.UnixPath is { } path ? new UnixDomainSocketEndPoint(path) : OnLoopback(listen);
        try
        {
            return Understand(address, LocalRequest.Get(server, $"/api/v1/diagnosis?lang={language}", LargestAnswer, Patience));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
        {
            return new RunningExporter(address, refusal: null);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return new RunningExporter(address, e.Message);
        }
    }

    /// <summary>Reads an answer.</summary>
    /// <param name="address">Where it is from.</param>
    /// <param name="content">The answer.</param>
    /// <returns>What it tells; a <see cref="Refusal"/> where it makes no sense.</returns>
    internal static RunningExporter Understand(string address, ReadOnlyMemory<byte> content)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return Read(address, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
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
                .. root.GetProperty("findings").EnumerateArray().Select(ReadFinding),
            ],
        };
    }

    // It will be shown and written as it is: what cannot be is refused here, where that is no more than an answer that makes no sense.
    private static Found ReadFinding(JsonElement finding)
    {
        using (var json = new Utf8JsonWriter(Stream.Null))
        {
            finding.WriteTo(json);
        }

        DateTimeOffset since = finding.GetProperty("since").GetDateTimeOffset();
        DiagnosisText.RenderFinding(finding, since, TextBook.Of(Language.English), TerminalStyle.Plain);
        return new Found(Text(finding, "finding"), Text(finding, "netns"), since, finding.Clone());
    }

    // A resource of a newer exporter is nothing to this one.
    private static IEnumerable<Known> ReadInstances(JsonElement resource) => ResourceKinds.Find(Text(resource, "resource")) is not { } kind
        ? []
        : resource.GetProperty("instances").EnumerateArray().Select(instance => new Known(
            kind,
            Text(resource, "netns"),
            Text(instance, "instance"),
            Finite(instance.GetProperty("peak")),
            instance.GetProperty("growth_per_second") is { ValueKind: JsonValueKind.Number } growth ? Finite(growth) : null));

    // JSON can hold numbers that no double can.
    private static double Finite(JsonElement number) => number.GetDouble() is var value && double.IsFinite(value) ? value : throw new FormatException($"{number} is too large a number");

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    private static IPEndPoint OnLoopback(ListenAddress listen) => new(
        listen.Address is null || listen.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : listen.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : listen.Address,
        listen.Port);

    /// <summary>What is known of an instance of a resource.</summary>
    internal sealed record Known(ResourceKind Kind, string Netns, string Instance, double Peak, double? GrowthPerSecond);

    /// <summary>A finding: its name, where, since when, and as the document has it.</summary>
    internal sealed record Found(string Id, string Netns, DateTimeOffset Since, JsonElement Json);
}
