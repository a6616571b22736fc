using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Sampling;

namespace ConnExporter.Configuration;

/// <summary>Every setting there is: one list for the command line, the file, the environment and the help text.</summary>
internal static class Settings
{
    public const string VariablePrefix = "CONN_EXPORTER_";
    public const string ConfigFile = "config.file";
    public const string DisableDefaults = "collector.disable-defaults";

    /// <summary>All settings, in the order of the help text.</summary>
    public static ImmutableArray<Setting> All { get; } =
    [
        new("web.listen-address", SettingKind.ListenAddress, ":9057", "Address to listen on, [host]:port; may be given several times."),
        new("web.telemetry-path", SettingKind.UrlPath, "/metrics", "Path of the metrics page."),
        new(DisableDefaults, SettingKind.Switch, "false", "Switch off every collector that is not switched on by name."),
        .. CollectorList.All.SelectMany(CollectorSettings),
        new("netns", SettingKind.NamespaceScope, "auto", "Network namespaces to read: host, only the exporter's own; auto, the others too as far as is permitted; all, the same, and denied where none can be entered."),
        new("path.procfs", SettingKind.Path, "/proc", "Where proc is mounted."),
        new("path.sysfs", SettingKind.Path, "/sys", "Where sysfs is mounted."),
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
