using System.Collections.Immutable;
using System.Net;
using ConnExporter.Diagnosis;
using ConnExporter.Sampling;
using Serilog.Events;

namespace ConnExporter.Configuration;

/// <summary>The settings in force, checked and complete.</summary>
internal sealed record ExporterOptions : SamplingOptions
{
    /// <summary>Where to listen.</summary>
    public required ImmutableArray<ListenAddress> ListenAddresses { get; init; }

    /// <summary>The path of the metrics page.</summary>
    public required string TelemetryPath { get; init; }

    /// <summary>Whether the status page and the JSON are served.</summary>
    public bool HasPage { get; init; } = true;

    /// <summary>Who may connect and how many; the defaults where a test has no need of others.</summary>
    public WebOptions Web { get; init; } = WebOptions.Default;

    /// <summary>The least severe level that is logged.</summary>
    public required LogEventLevel LogLevel { get; init; }

    /// <summary>How log lines look.</summary>
    public required LogFormat LogFormat { get; init; }

    /// <summary>When something is a finding.</summary>
    public Thresholds Thresholds { get; init; } = new();

    /// <summary>Where incidents are kept.</summary>
    public RecorderOptions Recorder { get; init; } = new(Path: null, 200, 64 << 20, TimeSpan.FromMinutes(3));
}

/// <summary>How log lines look.</summary>
internal enum LogFormat
{
    /// <summary><c>ts=… level=info msg="…"</c></summary>
    Logfmt,

    /// <summary>One JSON object a line.</summary>
    Json,
}

/// <summary>Who may connect, and how many.</summary>
/// <param name="ConfigFile">The web configuration file; null where there is none.</param>
/// <param name="SystemdSocket">Whether to listen on the sockets that systemd passes on.</param>
/// <param name="MaxRequests">Requests answered at a time.</param>
/// <param name="MaxConnections">Connections open at a time.</param>
/// <param name="MaxConnectionsPerAddress">Of these, from one IPv4 address or IPv6 /64.</param>
internal sealed record WebOptions(string? ConfigFile, bool SystemdSocket, int MaxRequests, int MaxConnections, int MaxConnectionsPerAddress)
{
    /// <summary>The Unix socket by which <c>diagnose</c> asks; null where none was named.</summary>
    public string? LocalSocket { get; init; }

    public static WebOptions Default { get; } = new(null, SystemdSocket: false, 64, 160, 40);
}

/// <summary>One address to listen on.</summary>
/// <param name="Address">The address; null for every address, IPv4 and IPv6.</param>
/// <param name="Port">The port; 0 lets the kernel choose.</param>
internal sealed record ListenAddress(IPAddress? Address, ushort Port)
{
    /// <summary>The path of a Unix domain socket, instead of address and port; null for TCP.</summary>
    public string? UnixPath { get; init; }

    public override string ToString() => UnixPath is not null ? $"unix:{UnixPath}" : Address is null ? $":{Port}" : new IPEndPoint(Address, Port).ToString();
}
