using System.Collections.Immutable;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Configuration;

/// <summary>Every setting there is: one list for the command line, the file, the environment and the help text.</summary>
internal static class Settings
{
    public const string VariablePrefix = "CONN_EXPORTER_";
    public const string ConfigFile = "config.file";
    public const string WebConfigFile = "web.config.file";
    public const string LocalSocket = "web.local-socket";
    public const string MaxRequests = "web.max-requests";
    public const string MaxConnections = "web.max-connections";
    public const string MaxConnectionsPerAddress = "web.max-connections-per-address";
    public const string CpuBudget = "sampling.cpu-budget";
    public const string DisableDefaults = "collector.disable-defaults";
    public const string CensusTop = "collector.census.top";
    public const string CensusDestinations = "collector.census.destinations";
    public const string CensusKeys = "collector.census.keys";

    /// <summary>Tables of so many keys are 30 MB where all are full: more would not fit what the packaged unit permits.</summary>
    public const int MostCensusKeys = 131_072;

    public const string CensusFoldV4 = "collector.census.fold-v4";
    public const string CensusFoldV6 = "collector.census.fold-v6";
    public const string RecorderPath = "recorder.path";
    public const string RecorderMaxCount = "recorder.max-count";
    public const string RecorderMaxBytes = "recorder.max-bytes";
    public const string RecorderInterval = "recorder.interval";
    public const string CensusIdleAges = "collector.census.idle-ages";
    public const string ConnectionLimit = "limits.connections";
    public const string CensusProbePorts = "collector.census.probe-ports";

    /// <summary>All settings, in the order of the help text.</summary>
    public static ImmutableArray<Setting> All { get; } =
    [
        new("web.listen-address", SettingKind.ListenAddress, ":9057", "Address to listen on, [host]:port or unix:/path; may be given several times."),
        new("web.systemd-socket", SettingKind.Switch, "false", "Listen on the sockets that systemd passes on (a .socket unit) instead of web.listen-address."),
        new(LocalSocket, SettingKind.SocketPath, null, "Unix socket by which diagnose asks the daemon; without it diagnose.sock in the RuntimeDirectory of the unit, and without that none is served."),
        new("web.telemetry-path", SettingKind.UrlPath, "/metrics", "Path of the metrics page."),
        new("web.disable-page", SettingKind.Switch, "false", "Switch off the status page and /api/v1; at / is a link to the metrics then."),
        new(WebConfigFile, SettingKind.Path, null, "YAML file with TLS, client certificates, users and passwords, as Prometheus's exporters read it."),
        new(MaxRequests, SettingKind.Count, "64", "Requests answered at a time, 1 to 1000; more are told to come back (503)."),
        new(MaxConnections, SettingKind.Count, "160", "Connections open at a time, 8 to 10000."),
        new(MaxConnectionsPerAddress, SettingKind.Count, "40", "Connections of one IPv4 address or IPv6 /64 open at a time, 1 to 10000."),
        new(CpuBudget, SettingKind.Ratio, "0.01", "Share of one core that the collectors may take over any five minutes; their intervals stretch where more would be needed. 1 is all of a core."),
        new(DisableDefaults, SettingKind.Switch, "false", "Switch off every collector that is not switched on by name."),
        .. CollectorList.All.SelectMany(CollectorSettings),
        new(CensusTop, SettingKind.Count, "20", "Rows of each family that names holders, 1 to 200; the rest is summed in the row 'other'."),
        new(CensusDestinations, SettingKind.Count, "50", "Rows of the family of destinations, 1 to 200."),
        new(CensusKeys, SettingKind.Count, "65536", "Distinct peers, destinations, units and ports counted exactly, 1000 to 131072; beyond it with a known error."),
        new(CensusFoldV4, SettingKind.Count, "32", "Leading bits of IPv4 peers that are told apart, 8 to 32."),
        new(CensusFoldV6, SettingKind.Count, "128", "Leading bits of IPv6 peers that are told apart, 16 to 128."),
        new(CensusIdleAges, SettingKind.Switch, "false", "Ask how long ESTABLISHED sockets have been idle; costly with many."),
        new(CensusProbePorts, SettingKind.Switch, "true", "Where 80 % of the ephemeral ports are in use, ask the kernel for one, by a connect() on loopback that nobody answers."),
        .. ThresholdSettings.All,
        new(ConnectionLimit, SettingKind.Count, null, "Connections that this host's instance type, network or contract permits; they are then a resource with a forecast. Without it none is presumed."),
        new(RecorderPath, SettingKind.Path, null, "Directory for records of incidents; without it the StateDirectory of the unit, and without that none are kept."),
        new(RecorderMaxCount, SettingKind.Count, "200", "Records of incidents that are kept; the oldest goes first."),
        new(RecorderMaxBytes, SettingKind.Count, "67108864", "Bytes that they may have together."),
        new(RecorderInterval, SettingKind.Interval, "3m", "While an incident goes on getting worse it is recorded again no more often than this."),
        new("netns", SettingKind.NamespaceScope, "auto", "Network namespaces to read: host, only the exporter's own; auto, the others too as far as is permitted; all, the same, and denied where none can be entered."),
        new("path.procfs", SettingKind.Path, "/proc", "Where proc is mounted."),
        new("path.sysfs", SettingKind.Path, "/sys", "Where sysfs is mounted."),
        new("path.rootfs", SettingKind.Path, "/", "Where the host's file system is mounted, for the sysctl files that the audit looks into and what container runtimes tell of pods."),
        new("log.level", SettingKind.LogLevel, "info", "Least severe messages to log: debug, info, warn or error."),
        new("log.format", SettingKind.LogFormat, "logfmt", "How log lines look: logfmt or json."),
        new(ConfigFile, SettingKind.Path, null, "YAML file with the same keys; flags and environment go before it."),
    ];

    /// <summary>Finds a setting by its key.</summary>
    public static Setting? Find(string key) => All.FirstOrDefault(setting => setting.Key == key);

    /// <summary>The switch of a collector.</summary>
    public static string Switch(string collector) => "collector." + collector;

    /// <summary>The interval of a collector.</summary>
    public static string Interval(string collector) => $"collector.{collector}.interval";

    private static IEnumerable<Setting> CollectorSettings(CollectorEntry entry) =>
    [
        new(Switch(entry.Name), SettingKind.Switch, null, $"Collector: {entry.Summary}."),
        new(Interval(entry.Name), SettingKind.Interval, Values.Format(entry.DefaultInterval), $"How often {entry.Name} reads."),
    ];
}
