using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Json;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Terminal;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary>The exporter that runs on this host, asked for what one look cannot tell: peaks, growth, when findings began, and slow leaks.</summary>
/// <remarks>
/// It is believed on a Unix socket, where the kernel says who listens. On a port anybody may listen: of that answer only times are taken, for findings that
/// were made without it, and they are passed on as somebody's word. No text of it is kept. An answer that is too large or makes no sense is as good as none.
/// </remarks>
internal sealed class RunningExporter
{
    /// <summary>The refusal of an answer that makes no sense.</summary>
    internal const string NoReport = "what it answered is no report of an exporter";

    private const int LargestAnswer = 8 << 20;

    // On this host; whoever does not answer in that time is not worth waiting for when something is on fire. The looks are as far apart anyway.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // Of one who is believed: a host on which something is on fire may be busy, and he knows what nobody else does.
    private static readonly TimeSpan PatienceOnSocket = TimeSpan.FromSeconds(3);

    private RunningExporter(string address, string? refusal)
    {
        Address = address;
        Refusal = refusal;
    }

    /// <summary>Where it was looked for.</summary>
    public string Address { get; }

    /// <summary>Why it did not tell, in words of our own; null where it did, or nobody listens there.</summary>
    public string? Refusal { get; }

    /// <summary>Whether it told.</summary>
    public bool HasTold { get; private init; }

    /// <summary>Whether the kernel vouches for who it is. What another told is no more than its word.</summary>
    public bool IsTrusted { get; private init; }

    /// <summary>What it knows of instances of resources; nothing of one that is not trusted.</summary>
    public ImmutableArray<Known> Instances { get; private init; } = [];

    /// <summary>The findings that it sees.</summary>
    public ImmutableArray<Found> Findings { get; private init; } = [];

    /// <summary>Why the Unix socket was not believed, and where that is; null where it was, or nobody listens there.</summary>
    public (string Path, string Reason)? Doubt { get; private init; }

    /// <summary>Asks: on the Unix socket first, else where it is scraped.</summary>
    /// <param name="options">Where it listens, if it runs with these options.</param>
    /// <param name="language">The language of its texts.</param>
    /// <param name="now">The time of day: nothing began later.</param>
    public static RunningExporter Ask(ExporterOptions options, string language, DateTimeOffset now)
    {
        string target = $"/api/v1/diagnosis?lang={language}";
        string path = LocalSocket.PathToAsk(options.Web);
        RunningExporter local = AskOnSocket(path, target);
        if (local.HasTold)
        {
            return local;
        }

        ListenAddress listen = options.ListenAddresses[0];
        RunningExporter other = listen.UnixPath is { } named ? AskOnSocket(named, target) : AskOnPort(OnLoopback(listen), target, Began(options), now);
        return local.Refusal is { } reason ? other.With((path, reason)) : other;
    }

    /// <summary>A document of the daemon that runs on this host, as it is.</summary>
    /// <param name="options">Where it listens, if it runs with these options.</param>
    /// <param name="target">Path and query.</param>
    /// <returns>Null where none runs, or it is not to be believed, or does not answer.</returns>
    public static ReadOnlyMemory<byte>? Fetch(ExporterOptions options, string target)
    {
        string path = LocalSocket.PathToAsk(options.Web);
        var directory = TrustedDirectory.Of(Path.GetDirectoryName(path) ?? "/");
        if (!directory.Exists || directory.Doubt is not null)
        {
            return null;
        }

        try
        {
            return Get(directory, path, target);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or SocketException or IOException)
        {
            // Whoever asks looks for himself then.
            return null;
        }
    }

    /// <summary>Reads an answer of one that is trusted.</summary>
    /// <param name="address">Where it is from.</param>
    /// <param name="content">The answer.</param>
    /// <returns>What it tells; a <see cref="Refusal"/> where it makes no sense.</returns>
    internal static RunningExporter Understand(string address, ReadOnlyMemory<byte> content) => Understand(address, content, root => new RunningExporter(address, refusal: null)
    {
        HasTold = true,
        IsTrusted = true,
        Instances = [.. root.GetProperty("resources").EnumerateArray().SelectMany(ReadInstances)],
        Findings = [.. root.GetProperty("findings").EnumerateArray().Select(ReadFinding)],
    });

    /// <summary>Reads an answer of whoever it may be: since when, for which finding, and nothing else.</summary>
    /// <param name="address">Where it is from.</param>
    /// <param name="content">The answer.</param>
    /// <param name="earliest">Nothing that holds began earlier.</param>
    /// <param name="latest">Nor later.</param>
    /// <returns>What it tells, texts and all times out of bounds left out; a <see cref="Refusal"/> where it makes no sense.</returns>
    internal static RunningExporter UnderstandStranger(string address, ReadOnlyMemory<byte> content, DateTimeOffset earliest, DateTimeOffset latest) =>
        Understand(address, content, root => new RunningExporter(address, refusal: null)
        {
            HasTold = true,
            Findings =
            [
                .. root.GetProperty("findings").EnumerateArray()
                    .Select(finding => new Found(Text(finding, "finding"), Text(finding, "netns"), Text(finding, "instance"), finding.GetProperty("since").GetDateTimeOffset(), Json: null))
                    .Where(found => found.Since >= earliest && found.Since <= latest),
            ],
        });

    /// <summary>Hands on what it knows of each instance.</summary>
    public void Prime(Diagnostician diagnostician)
    {
        foreach (Known known in Instances)
        {
            diagnostician.Prime(known.Kind, known.Netns, known.Instance, known.Peak, known.GrowthPerSecond);
        }
    }

    /// <summary>Says since when a finding of ours holds, where it knows.</summary>
    public Finding Date(Finding finding)
    {
        Found? known = Findings.FirstOrDefault(found => found.Id == finding.Id && found.Netns == finding.Netns && (IsTrusted || found.Instance == finding.Verdict.Instance));
        return known is null || known.Since >= finding.Since ? finding
            : IsTrusted ? finding with { Since = known.Since }
            : finding with { Reported = new ReportedSince(Address, known.Since) };
    }

    private static RunningExporter AskOnSocket(string path, string target)
    {
        var directory = TrustedDirectory.Of(Path.GetDirectoryName(path) ?? "/");
        if (!directory.Exists)
        {
            return new RunningExporter(path, refusal: null);
        }

        return directory.Doubt is { } doubt ? new RunningExporter(path, doubt) : Ask(path, () => Get(directory, path, target), content => Understand(path, content));
    }

    // Only of one of whom the kernel says that he may be believed.
    private static ReadOnlyMemory<byte> Get(TrustedDirectory directory, string path, string target) =>
        LocalRequest.Get(new UnixDomainSocketEndPoint(Path.Join(directory.Path, Path.GetFileName(path))), target, LargestAnswer, PatienceOnSocket, socket =>
        {
            if (PeerUser.Of(socket) is not { } user || !directory.Trusts(user))
            {
                throw new IOException(PeerUser.Of(socket) is { } stranger ? $"uid {stranger} listens there, not {directory}" : "the kernel does not say who listens there");
            }
        });

    private static RunningExporter AskOnPort(IPEndPoint server, string target, DateTimeOffset earliest, DateTimeOffset latest)
    {
        string address = $"http://{server}/";
        return Ask(address, () => LocalRequest.Get(server, target, LargestAnswer, Patience), content => UnderstandStranger(address, content, earliest, latest));
    }

    private static RunningExporter Ask(string address, Func<ReadOnlyMemory<byte>> get, Func<ReadOnlyMemory<byte>, RunningExporter> understand)
    {
        try
        {
            return understand(get());
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.AddressNotAvailable })
        {
            // Nobody listens there, or nobody can: a path can be longer than an address.
            return new RunningExporter(address, refusal: null);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return new RunningExporter(address, e.Message);
        }
    }

    private static RunningExporter Understand(string address, ReadOnlyMemory<byte> content, Func<JsonElement, RunningExporter> read)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return document.RootElement.GetProperty("version").GetInt32() is var version && version == ReportJson.Version
                ? read(document.RootElement)
                : new RunningExporter(address, $"version {version} of its report, this program reads {ReportJson.Version}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // Messages of a parser quote what they do not understand.
            return new RunningExporter(address, NoReport);
        }
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
        return new Found(Text(finding, "finding"), Text(finding, "netns"), Text(finding, "instance"), since, finding.Clone());
    }

    // A resource of a newer exporter is nothing to this one.
    private static IEnumerable<Known> ReadInstances(JsonElement resource) => ResourceKinds.Find(Text(resource, "resource")) is not { } kind
        ? []
        : resource.GetProperty("instances").EnumerateArray().Select(instance => new Known(
            kind,
            Text(resource, "netns"),
            Text(instance, "instance"),
            Amount(instance.GetProperty("peak")),
            instance.GetProperty("growth_per_second") is { ValueKind: JsonValueKind.Number } growth ? Amount(growth) : null));

    // JSON can hold numbers that no double can, and neither a peak nor a growth is ever less than nothing.
    private static double Amount(JsonElement number) => number.GetDouble() is var value && double.IsFinite(value) && value >= 0 ? value : throw new FormatException("no amount");

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    // What holds began after the start of the machine.
    private static DateTimeOffset Began(ExporterOptions options)
    {
        using ProcFile stat = new ProcFs(options.ProcPath).File("stat");
        try
        {
            return DateTimeOffset.FromUnixTimeSeconds((long)SystemClock.ParseBootTime(stat.Path, stat.Read()));
        }
        catch (Exception e) when (e is KernelReadException or ArgumentOutOfRangeException)
        {
            // Not every tree that stands in for /proc has it: then no time is taken over.
            return DateTimeOffset.MaxValue;
        }
    }

    private static IPEndPoint OnLoopback(ListenAddress listen) => new(
        listen.Address is null || listen.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : listen.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : listen.Address,
        listen.Port);

    private RunningExporter With((string Path, string Reason) doubt) => new(Address, Refusal)
    {
        HasTold = HasTold,
        IsTrusted = IsTrusted,
        Instances = Instances,
        Findings = Findings,
        Doubt = doubt,
    };

    /// <summary>What is known of an instance of a resource.</summary>
    internal sealed record Known(ResourceKind Kind, string Netns, string Instance, double Peak, double? GrowthPerSecond);

    /// <summary>A finding: its name, where, since when, and as the document has it; without that of one who is not trusted.</summary>
    internal sealed record Found(string Id, string Netns, string Instance, DateTimeOffset Since, JsonElement? Json);
}
