namespace ConnExporter.Configuration;

/// <summary>One setting: the same key on the command line (<c>--key</c>), in the file and, in capitals, in the environment.</summary>
/// <param name="Key">Such as <c>web.listen-address</c>.</param>
/// <param name="Kind">What its values look like.</param>
/// <param name="Default">The default as a user would write it; null where there is none.</param>
/// <param name="Help">One sentence for the help text.</param>
internal sealed record Setting(string Key, SettingKind Kind, string? Default, string Help)
{
    /// <summary>Whether it may be given several times.</summary>
    public bool Repeatable => Kind == SettingKind.ListenAddress;

    /// <summary>The environment variable of the setting.</summary>
    public string Variable => Settings.VariablePrefix + Key.Replace('.', '_').Replace('-', '_').ToUpperInvariant();
}

/// <summary>What the values of a setting look like.</summary>
internal enum SettingKind
{
    /// <summary>true or false.</summary>
    Switch,

    /// <summary>A path in a file system.</summary>
    Path,

    /// <summary>The absolute path of a Unix socket.</summary>
    SocketPath,

    /// <summary>A path in a URL.</summary>
    UrlPath,

    /// <summary>A duration such as 500ms, 5s or 1m.</summary>
    Interval,

    /// <summary>A share between 0 and 1.</summary>
    Ratio,

    /// <summary>A whole number.</summary>
    Count,

    /// <summary><c>[address]:port</c>.</summary>
    ListenAddress,

    /// <summary>debug, info, warn or error.</summary>
    LogLevel,

    /// <summary>logfmt or json.</summary>
    LogFormat,

    /// <summary>auto, host or all.</summary>
    NamespaceScope,
}
