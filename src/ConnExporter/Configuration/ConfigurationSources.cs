using System.Collections;
using System.Collections.Immutable;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Configuration;

/// <summary>Puts the settings together: flags go before the environment, the environment before the file, the file before the defaults.</summary>
internal sealed class ConfigurationSources
{
    private readonly IReadOnlyList<Given> flags;
    private readonly IReadOnlyList<Given> variables;
    private readonly IDictionary environment;

    /// <summary>Settings from flags and environment.</summary>
    /// <param name="flags">What the command line gave.</param>
    /// <param name="environment">The environment; variables without our prefix are passed over.</param>
    /// <exception cref="ConfigurationException">A variable with our prefix that is no setting's.</exception>
    public ConfigurationSources(IReadOnlyList<Given> flags, IDictionary environment)
    {
        this.flags = flags;
        this.environment = environment;
        variables = [.. Variables(environment)];
    }

    /// <summary>A variable of the environment, such as the <c>RUNTIME_DIRECTORY</c> of systemd.</summary>
    /// <returns>Null where it is not set.</returns>
    public string? Variable(string name) => environment[name] as string;

    /// <summary>Whether it is left open where the settings are from: no variable sets any, and no flag names a file.</summary>
    public bool IsOpen => variables.Count == 0 && FilePath is null;

    /// <summary>The same flags with another environment.</summary>
    /// <exception cref="ConfigurationException">A variable with our prefix that is no setting's.</exception>
    public ConfigurationSources WithEnvironment(IDictionary environment) => new(flags, environment);

    /// <summary>The configuration file, if one was named.</summary>
    /// <exception cref="ConfigurationException">It was named with nothing for a name.</exception>
    public string? FilePath => flags.Concat(variables).FirstOrDefault(given => given.Setting.Key == Settings.ConfigFile) is { } given ? Values.Path(given) : null;

    /// <summary>Reads the file, if one was named, and checks everything.</summary>
    /// <exception cref="ConfigurationException">The first thing that is wrong.</exception>
    public ExporterOptions Load()
    {
        IReadOnlyList<Given> file = FilePath is { } path ? ConfigFile.Read(path) : [];

        // Checked even where something else outweighs it: a file that is wrong is wrong.
        foreach (Given value in flags.Concat(variables).Concat(file))
        {
            Check(value);
        }

        ILookup<string, Given> given = Decide(file);

        var options = new ExporterOptions
        {
            ListenAddresses = Agreement.ListenAddresses(All(given, "web.listen-address")),
            TelemetryPath = Values.UrlPath(One(given, "web.telemetry-path")),
            HasPage = !Values.Switch(One(given, "web.disable-page")),
            Web = new WebOptions(
                given[Settings.WebConfigFile].FirstOrDefault() is { } webConfig ? Values.Path(webConfig) : null,
                Values.Switch(One(given, "web.systemd-socket")),
                Values.Count(One(given, Settings.MaxRequests)),
                Values.Count(One(given, Settings.MaxConnections)),
                Values.Count(One(given, Settings.MaxConnectionsPerAddress)))
            {
                LocalSocket = given[Settings.LocalSocket].Select(Values.SocketPath).FirstOrDefault(),
            },
            ProcPath = Values.Directory(One(given, "path.procfs")),
            SysPath = Values.Path(One(given, "path.sysfs")),
            RootPath = Values.Path(One(given, "path.rootfs")),
            Namespaces = Values.NamespaceScope(One(given, "netns")),
            LogLevel = Values.LogLevel(One(given, "log.level")),
            LogFormat = Values.LogFormat(One(given, "log.format")),
            Collectors = EnabledCollectors(given),
            CpuBudget = Values.Ratio(One(given, Settings.CpuBudget)),
            Thresholds = ThresholdSettings.Read(key => One(given, key)) with { ConnectionLimit = given[Settings.ConnectionLimit].FirstOrDefault() is { } most ? Values.Count(most) : null },
            Recorder = new RecorderOptions(
                given[Settings.RecorderPath].Select(Values.Path).FirstOrDefault(),
                Values.Count(One(given, Settings.RecorderMaxCount)),
                Values.Count(One(given, Settings.RecorderMaxBytes)),
                Values.Interval(One(given, Settings.RecorderInterval)))
            {
                Place = given[Settings.RecorderPath].FirstOrDefault()?.Place ?? "--" + Settings.RecorderPath,
            },
            Census = new CensusOptions(
                Values.Count(One(given, Settings.CensusTop)),
                Values.Count(One(given, Settings.CensusDestinations)),
                Values.Count(One(given, Settings.CensusKeys)),
                Values.Count(One(given, Settings.CensusFoldV4)),
                Values.Count(One(given, Settings.CensusFoldV6)),
                Values.Switch(One(given, Settings.CensusIdleAges)),
                Values.Switch(One(given, Settings.CensusProbePorts))),
        };
        Agreement.RefuseLocalSocketAmong(options.Web.SystemdSocket ? [] : All(given, "web.listen-address"), LocalSocket.PathToServe(options.Web, Variable));
        Agreement.RefuseReversed(options.Thresholds, key => given[key].FirstOrDefault());
        return options;
    }

    /// <summary>Every setting with what is in force of it and who says so, in the order of the help text; what nobody says has its default, and no value where there is none.</summary>
    /// <param name="options">What <see cref="Load"/> has made of them.</param>
    public IEnumerable<SettingInForce> InForce(ExporterOptions options)
    {
        ILookup<string, Given> given = Decide(FilePath is { } path ? ConfigFile.Read(path) : []);
        foreach (Setting setting in Settings.All)
        {
            Given[] values = [.. given[setting.Key]];
            string? collector = CollectorList.All.FirstOrDefault(entry => Settings.Switch(entry.Name) == setting.Key)?.Name;
            yield return values.Length > 0 ? new SettingInForce(setting, [.. values.Select(value => value.Text)], values[0].Place)

                // Whether collectors run by default is a setting of its own.
                : collector is not null ? new SettingInForce(setting, [options.Collectors.ContainsKey(collector) ? "true" : "false"], Place: null)
                : new SettingInForce(setting, setting.Default is { } text ? [text] : [], Place: null);
        }
    }

    // The first source that names a setting decides it alone: lists are not merged.
    private ILookup<string, Given> Decide(IReadOnlyList<Given> file) => new[] { flags, variables, file }
        .SelectMany((source, rank) => source.GroupBy(value => value.Setting.Key, (key, values) => (key, rank, values: values.ToList())))
        .GroupBy(list => list.key)
        .SelectMany(lists => lists.MinBy(list => list.rank).values)
        .ToLookup(value => value.Setting.Key);

    private static ImmutableDictionary<string, TimeSpan> EnabledCollectors(ILookup<string, Given> given)
    {
        bool defaults = !Values.Switch(One(given, Settings.DisableDefaults));
        return CollectorList.All
            .Where(entry => given[Settings.Switch(entry.Name)].FirstOrDefault() is { } set ? Values.Switch(set) : defaults && entry.IsDefault)
            .ToImmutableDictionary(entry => entry.Name, entry => Values.Interval(One(given, Settings.Interval(entry.Name))));
    }

    private static void Check(Given value)
    {
        switch (value.Setting.Kind)
        {
            case SettingKind.Switch:
                Values.Switch(value);
                break;
            case SettingKind.Interval:
                Values.Interval(value);
                break;
            case SettingKind.Ratio:
                Values.Ratio(value);
                break;
            case SettingKind.Count:
                Values.Count(value);
                break;
            case SettingKind.ListenAddress:
                Values.ListenAddress(value);
                break;
            case SettingKind.SocketPath:
                Values.SocketPath(value);
                break;
            case SettingKind.UrlPath:
                Values.UrlPath(value);
                break;
            case SettingKind.LogLevel:
                Values.LogLevel(value);
                break;
            case SettingKind.LogFormat:
                Values.LogFormat(value);
                break;
            case SettingKind.NamespaceScope:
                Values.NamespaceScope(value);
                break;
            case SettingKind.Path:
                Values.Path(value);
                break;
        }
    }

    private static Given One(ILookup<string, Given> given, string key) => All(given, key).First();

    private static IEnumerable<Given> All(ILookup<string, Given> given, string key)
    {
        Setting setting = Settings.Find(key)!;
        return given[key].Any() ? given[key] : [new Given(setting, setting.Default!, "--" + key)];
    }

    private static IEnumerable<Given> Variables(IDictionary environment)
    {
        foreach (DictionaryEntry entry in environment)
        {
            string name = (string)entry.Key;
            if (!name.StartsWith(Settings.VariablePrefix, StringComparison.Ordinal) || IsServiceLink(name))
            {
                continue;
            }

            Setting setting = Settings.All.FirstOrDefault(known => known.Variable == name)
                ?? throw new ConfigurationException($"{name}: no such variable{Suggestion.For(name, Settings.All.Select(known => known.Variable))}");
            string text = (string?)entry.Value ?? "";
            foreach (string part in setting.Repeatable ? text.Split(',', StringSplitOptions.TrimEntries) : [text])
            {
                yield return new Given(setting, part, name);
            }
        }
    }

    // Kubernetes puts these into every pod of a namespace that has a service named conn-exporter.
    private static bool IsServiceLink(string name) =>
        name.StartsWith(Settings.VariablePrefix + "SERVICE_", StringComparison.Ordinal)
        || name == Settings.VariablePrefix + "PORT"
        || name.StartsWith(Settings.VariablePrefix + "PORT_", StringComparison.Ordinal);
}
