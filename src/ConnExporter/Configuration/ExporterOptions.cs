using System.Collections.Immutable;
using System.Net;
using ConnExporter.Diagnosis;
using ConnExporter.Incidents;
using ConnExporter.Kernel.Namespaces;
using Serilog.Events;

namespace ConnExporter.Configuration;

/// <summary>The settings in force, checked and complete.</summary>
internal sealed record ExporterOptions
{
    /// <summary>The default of <see cref="CpuBudget"/>.</summary>
    public const double DefaultCpuBudget = 0.01;

    /// <summary>Where to listen.</summary>
    public required ImmutableArray<ListenAddress> ListenAddresses { get; init; }

    /// <summary>The path of the metrics page.</summary>
    public required string TelemetryPath { get; init; }

    /// <summary>Whether the status page and the JSON are served.</summary>
    public bool HasPage { get; init; } = true;

    /// <summary>Who may connect and how many; the defaults where a test has no need of others.</summary>
    public WebOptions Web { get; init; } = WebOptions.Default;

    /// <summary>Where proc is mounted.</summary>
    public required string ProcPath { get; init; }

    /// <summary>Where sysfs is mounted.</summary>
    public required string SysPath { get; init; }

    /// <summary>Where the host's file system is mounted.</summary>
    public required string RootPath { get; init; }

    /// <summary>Which network namespaces are read besides our own.</summary>
    public required NamespaceScope Namespaces { get; init; }

    /// <summary>The least severe level that is logged.</summary>
    public required LogEventLevel LogLevel { get; init; }

    /// <summary>How log lines look.</summary>
    public required LogFormat LogFormat { get; init; }

    /// <summary>The enabled collectors and their intervals.</summary>
    public required ImmutableDictionary<string, TimeSpan> Collectors { get; init; }

    /// <summary>Share of one core that sampling may take, over any five minutes.</summary>
    public double CpuBudget { get; init; } = DefaultCpuBudget;

    /// <summary>When something is a finding.</summary>
    public Thresholds Thresholds { get; init; } = new();

    /// <summary>Where incidents are kept.</summary>
    public RecorderOptions Recorder { get; init; } = new(Path: null, 200, 64 << 20, TimeSpan.FromMinutes(3));

    /// <summary>How the census counts and what it shows.</summary>
    public required CensusOptions Census { get; init; }
}

/// <summary>How the census counts and what it shows.</summary>
/// <param name="Top">Rows of each family that names holders.</param>
/// <param name="Destinations">Rows of the family of destinations.</param>
/// <param name="Keys">Keys of each kind that are counted exactly; beyond it the counts have a known error.</param>
/// <param name="FoldV4">Bits of an IPv4 peer's address that are told apart.</param>
/// <param name="FoldV6">Bits of an IPv6 peer's address that are told apart.</param>
/// <param name="IdleAges">Whether the idle times of ESTABLISHED sockets are asked for, which takes each socket's lock.</param>
/// <param name="ProbePorts">Whether the kernel is asked for an ephemeral port where most of them are in use.</param>
internal sealed record CensusOptions(int Top, int Destinations, int Keys, int FoldV4, int FoldV6, bool IdleAges, bool ProbePorts = true)
{
    /// <summary>Whether all holders are looked for in the first census, whatever that costs: for a single look.</summary>
    public bool AllAtOnce { get; init; }
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
