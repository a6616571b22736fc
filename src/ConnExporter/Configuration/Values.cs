using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using ConnExporter.Kernel.Namespaces;
using Serilog.Events;

namespace ConnExporter.Configuration;

/// <summary>Reads the values of settings. Pure: text in, value or message out.</summary>
internal static class Values
{
    /// <summary>The shortest interval: below it a collector would measure itself.</summary>
    public static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest interval.</summary>
    public static readonly TimeSpan LongestInterval = TimeSpan.FromHours(1);

    private const string UnixPrefix = "unix:";

    // sun_path has 108 bytes (unix(7)), the last one a NUL.
    private const int LongestUnixPath = 107;

    // RFC 3986 §3.3, without the percent sign.
    private const string PathCharacters = "/-._~!$&'()*+,;=:@";

    // A request line has 4 kB.
    private const int LongestUrlPath = 1024;

    // What Endpoints and StatusRoutes answer, and what the API may have next.
    private static readonly string[] TakenPaths = ["-", "api", "assets", "incidents", "runbooks"];

    private static readonly (string Suffix, TimeSpan Unit)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)),
    ];

    /// <summary>true or false.</summary>
    public static bool Switch(Given given) => given.Text switch
    {
        "true" => true,
        "false" => false,
        _ => throw given.Wrong("expected true or false"),
    };

    /// <summary>A duration with a unit, within the bounds of an interval.</summary>
    public static TimeSpan Interval(Given given)
    {
        foreach ((string suffix, TimeSpan unit) in Units)
        {
            string text = given.Text;
            if (text.EndsWith(suffix, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count))
            {
                // Compared before it is a TimeSpan, which has no room for every number and none for NaN.
                return count * unit.TotalSeconds >= ShortestInterval.TotalSeconds && count * unit.TotalSeconds <= LongestInterval.TotalSeconds
                    ? count * unit
                    : throw given.Wrong($"an interval lies between {Format(ShortestInterval)} and {Format(LongestInterval)}");
            }
        }

        throw given.Wrong("expected a duration such as 500ms, 5s or 1m");
    }

    /// <summary>A whole number within the bounds of its setting.</summary>
    public static int Count(Given given)
    {
        (int low, int high) = given.Setting.Key switch
        {
            Settings.CensusKeys => (1000, Settings.MostCensusKeys),
            Settings.CensusFoldV4 => (8, 32),
            Settings.CensusFoldV6 => (16, 128),
            Settings.MaxRequests => (1, 1000),
            Settings.MaxConnections => (8, 10_000),
            Settings.MaxConnectionsPerAddress => (1, 10_000),
            Settings.CensusTop or Settings.CensusDestinations => (1, 200),
            Settings.ConnectionLimit => (1, int.MaxValue),
            Settings.RecorderMaxCount => (1, 100_000),
            Settings.RecorderMaxBytes => (1_048_576, int.MaxValue),
            _ => (1, (int)ThresholdSettings.HighestOf(given.Setting.Key)),
        };
        return int.TryParse(given.Text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= low && count <= high
            ? count
            : throw given.Wrong($"expected a whole number from {low} to {high}");
    }

    /// <summary>A share above 0, such as 0.8.</summary>
    public static double Ratio(Given given)
    {
        double highest = given.Setting.Key == Settings.CpuBudget ? 1 : ThresholdSettings.HighestOf(given.Setting.Key);
        return double.TryParse(given.Text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double ratio) && ratio > 0 && ratio <= highest
            ? ratio
            : throw given.Wrong($"expected a number above 0, {highest} at most, such as 0.8");
    }

    /// <summary>A duration as a user would write it.</summary>
    public static string Format(TimeSpan duration)
    {
        (string suffix, TimeSpan unit) = Units.LastOrDefault(candidate => duration.Ticks % candidate.Unit.Ticks == 0, Units[0]);
        return $"{duration / unit}{suffix}";
    }

    /// <summary><c>host:port</c>, without a host every address; or <c>unix:/path</c>.</summary>
    public static ListenAddress ListenAddress(Given given)
    {
        string text = given.Text;
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            string path = text[UnixPrefix.Length..];
            RefuseDirectory(given, path);
            return CanBeSocket(path)
                ? new ListenAddress(null, 0) { UnixPath = path }
                : throw given.Wrong($"expected an absolute path of at most {LongestUnixPath} bytes after unix:, such as unix:/run/conn-exporter/web.sock");
        }

        int colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            throw given.Wrong("expected [address]:port, such as :9057, 127.0.0.1:9057 or [::1]:9057");
        }

        string host = text[..colon];
        if (host.Length == 0)
        {
            return new ListenAddress(null, port);
        }

        bool bracketed = host.Length > 2 && host[0] == '[' && host[^1] == ']';
        string literal = host == "localhost" ? "127.0.0.1" : bracketed ? host[1..^1] : host;
        if (literal.Contains(':', StringComparison.Ordinal) != bracketed || !(bracketed || literal.Count(c => c == '.') == 3) || !IPAddress.TryParse(literal, out IPAddress? address))
        {
            throw given.Wrong("expected an address of this host before the port (IPv6 in brackets), such as 127.0.0.1:9057 or [::1]:9057");
        }

        // inet_aton() reads 010 as 8 and 0x7f as 127.
        if (!bracketed && address.ToString() != literal)
        {
            throw given.Wrong($"octal or hexadecimal numbers are read in two ways; write {address}:{port}, if that is what is meant");
        }

        return address.IsIPv4MappedToIPv6 ? throw given.Wrong($"an IPv4 address in the form of IPv6; write {address.MapToIPv4()}:{port}") : new ListenAddress(address, port);
    }

    /// <summary>The absolute path of a Unix socket.</summary>
    public static string SocketPath(Given given)
    {
        RefuseDirectory(given, given.Text);
        return CanBeSocket(given.Text) ? given.Text : throw given.Wrong($"expected an absolute path of at most {LongestUnixPath} bytes, such as {LocalSocket.PackagedPath}");
    }

    /// <summary>A path of the web server that a request can ask for as it stands, and that nothing else answers.</summary>
    public static string UrlPath(Given given)
    {
        string path = given.Text;
        if (path.Length < 2 || path[0] != '/')
        {
            throw given.Wrong("expected a path below /, such as /metrics");
        }

        // A client writes other characters encoded, if at all, and '?' and '#' end the path.
        if (path.FirstOrDefault(c => !char.IsAsciiLetterOrDigit(c) && !PathCharacters.Contains(c, StringComparison.Ordinal)) is not '\0' and var wrong)
        {
            throw given.Wrong($"'{(char.IsControl(wrong) ? $"U+{(int)wrong:X4}" : wrong)}' cannot stand in it; letters, digits and {PathCharacters} can");
        }

        if (path.Length > LongestUrlPath)
        {
            throw given.Wrong($"longer than {LongestUrlPath} characters");
        }

        string[] segments = path[1..].Split('/');
        if (Array.Exists(segments, segment => segment is "" or "." or ".."))
        {
            throw given.Wrong("clients and proxies change '//', '/./', '/../' and a slash at the end before they ask: leave them out");
        }

        return TakenPaths.Contains(segments[0]) ? throw given.Wrong($"/{segments[0]} is taken by {(segments[0] == "-" ? "the health endpoints" : "the status page")}") : path;
    }

    /// <summary>A path; whether it is there is known when it is used.</summary>
    public static string Path(Given given) => given.Text.Length > 0 && !given.Text.Contains('\0', StringComparison.Ordinal) ? given.Text : throw given.Wrong("expected a path");

    /// <summary>A directory that is there.</summary>
    public static string Directory(Given given) =>
        System.IO.Directory.Exists(given.Text) ? given.Text : throw given.Wrong("there is no such directory");

    /// <summary>debug, info, warn or error.</summary>
    public static LogEventLevel LogLevel(Given given) => given.Text switch
    {
        "debug" => LogEventLevel.Debug,
        "info" => LogEventLevel.Information,
        "warn" => LogEventLevel.Warning,
        "error" => LogEventLevel.Error,
        _ => throw given.Wrong("expected debug, info, warn or error"),
    };

    /// <summary>auto, host or all.</summary>
    public static NamespaceScope NamespaceScope(Given given) => given.Text switch
    {
        "auto" => Kernel.Namespaces.NamespaceScope.Auto,
        "host" => Kernel.Namespaces.NamespaceScope.Host,
        "all" => Kernel.Namespaces.NamespaceScope.All,
        _ => throw given.Wrong("expected auto, host or all"),
    };

    /// <summary>logfmt or json.</summary>
    public static LogFormat LogFormat(Given given) => given.Text switch
    {
        "logfmt" => Configuration.LogFormat.Logfmt,
        "json" => Configuration.LogFormat.Json,
        _ => throw given.Wrong("expected logfmt or json"),
    };

    private static void RefuseDirectory(Given given, string path)
    {
        if (path.EndsWith('/') || path.EndsWith("/.", StringComparison.Ordinal) || path.EndsWith("/..", StringComparison.Ordinal))
        {
            throw given.Wrong("the path is that of a directory; a socket needs a name in it");
        }
    }

    private static bool CanBeSocket(string path) => path.StartsWith('/') && !path.Contains('\0', StringComparison.Ordinal) && System.Text.Encoding.UTF8.GetByteCount(path) <= LongestUnixPath;
}

/// <summary>A value as it was given, with the place it was given at.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="Text">The value.</param>
/// <param name="Place">Such as <c>--log.level</c>, <c>CONN_EXPORTER_LOG_LEVEL</c> or <c>/etc/conn-exporter.yml:3: log.level</c>.</param>
internal sealed record Given(Setting Setting, string Text, string Place)
{
    /// <summary>The complaint about this value.</summary>
    public ConfigurationException Wrong(string reason) => new($"{Place}: '{Text}': {reason}");
}

/// <summary>A setting as it is in force.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="Values">What it is; several only where it may be given several times, none where it is not set.</param>
/// <param name="Place">Who says so: a flag, a variable, a line of the file; null for the default.</param>
internal sealed record SettingInForce(Setting Setting, ImmutableArray<string> Values, string? Place);
