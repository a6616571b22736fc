using System.Collections;
using System.Text;
using ConnExporter.Configuration;
using ConnExporter.Web.Access;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>What an administrator writes: the configuration file, the environment, the web configuration file.</summary>
internal static class ConfigurationFiles
{
    private const string Path = "/etc/x.yml";

    private static readonly Hashtable NoEnvironment = [];

    private static readonly byte[][] Yaml = Seeds.Texts(
        ": ", "\n  ", "- ", "? ", "&a ", "*a", "<<: *a", "!!str ", "!t ", "[", "]", "{", "}", "|\n  ", ">\n  ", "---\n", "...\n", "%YAML 1.2\n", "\"\\0\"", "\"\\ud800\"", "\"\\x07\"", "~", "null", "''", "'", "\"", "#",
        "&a [", "? &a {x: *a}\n", "? &a [*a]\n", ": *a\n");

    // Nodes of a tree that is made by a library: a few hundred bytes for each of one character. Files end at 1 MiB.
    private static readonly (double, int) OfATree = (2048, 512 * 1024);

    public static Decoder Settings() => new()
    {
        Name = "config-file",
        Methods = ["ConfigFile.Parse", "ConfigurationSources.Load"],
        Seeds = Seeds.Texts(
            "web.listen-address: [\":9057\", \"127.0.0.1:1\", \"unix:/run/x.sock\"]\nlog:\n  level: warn\n  format: json\n",
            "collector:\n  census: {top: 20, keys: 65536, interval: 5s}\n  self: false\n  disable-defaults: true\ndiagnosis.warning-ratio: 0.8\n",
            "path:\n  procfs: /proc\n  sysfs: \"/sys\"\nnetns: all\nrecorder.path: /var/lib/x\nrecorder.max-bytes: 67108864\n",
            "# nothing\n", "log.level: &a info\nlog.format: *a\n"),
        Words = [.. Yaml, .. Configuration.Settings.All.Select(setting => Encoding.UTF8.GetBytes(setting.Key)), .. Seeds.Texts("web", "collector", "census", "self", "log", "level", "interval", "100ms", "1h", "1e3s", ":9057", "unix:/x", "[::1]:1", "true", "false")],
        Refusals = [typeof(ConfigurationException)],
        Allocation = OfATree,
        Run = input =>
        {
            List<Given> given = ConfigFile.Parse(Path, Encoding.UTF8.GetString(input));
            Promise.Holds(given.Count <= (input.Length / 2) + 1, "a value has two characters at least");
            ExporterOptions options = new ConfigurationSources(given, NoEnvironment).Load();
            Promise.Holds(options.ListenAddresses.All(address => address.UnixPath is null || !address.UnixPath.Contains('\0', StringComparison.Ordinal)), "no path has a NUL");
            foreach (string? path in (string?[])[options.Web.ConfigFile, options.RootPath, options.SysPath, options.ProcPath, options.Recorder.Path])
            {
                Promise.Holds(path is null || !path.Contains('\0', StringComparison.Ordinal), "no path has a NUL");
            }

            return Math.Min(given.Count, 64);
        },
    };

    public static Decoder Environment() => new()
    {
        Name = "environment",
        Methods = ["ConfigurationSources.Load"],
        Seeds = Seeds.Texts(
            "CONN_EXPORTER_LOG_LEVEL=debug\nCONN_EXPORTER_WEB_LISTEN_ADDRESS=:9057, [::1]:9\n", "CONN_EXPORTER_COLLECTOR_CENSUS_INTERVAL=2.5s\nCONN_EXPORTER_SERVICE_HOST=10.0.0.1\nPATH=/bin\n",
            "CONN_EXPORTER_DIAGNOSIS_WARNING_RATIO=0.75\nCONN_EXPORTER_COLLECTOR_CENSUS_FOLD_V4=24\n", "CONN_EXPORTER_WEB_LISTEN_ADDRESS=unix:/run/x.sock\nCONN_EXPORTER_WEB_TELEMETRY_PATH=/m\n"),
        Words = [.. Configuration.Settings.All.Select(setting => Encoding.UTF8.GetBytes(setting.Variable)), .. Seeds.Texts("CONN_EXPORTER_", "CONN_EXPORTER_PORT_", "=", "unix:", "unix:/", "[", "]:", "::1", "localhost:", "ms", "h", "1e9", ".5", "∞", "NaN", "Infinity")],
        Refusals = [typeof(ConfigurationException)],

        // The complaint looks for the nearest name, at most two rows of a table for each setting.
        Allocation = (2048, 512 * 1024),
        Run = input =>
        {
            var variables = new Hashtable();
            foreach (string line in Encoding.UTF8.GetString(input).Split('\n'))
            {
                // The kernel ends names and values at NUL.
                string text = line.Split('\0')[0];
                int equals = text.IndexOf('=', StringComparison.Ordinal);
                if (equals > 0)
                {
                    variables[text[..equals]] = text[(equals + 1)..];
                }
            }

            ExporterOptions options = new ConfigurationSources([], variables).Load();
            Promise.Holds(options.Collectors.Values.All(interval => interval >= Values.ShortestInterval && interval <= Values.LongestInterval), "intervals keep their bounds");
            Promise.Holds(options.Thresholds.WarningRatio is > 0 and <= 1, "a ratio is above 0 and at most 1");
            Promise.Holds(options.Census.FoldV4 is >= 8 and <= 32, "a fold is within its bounds");
            return options.ListenAddresses.Length + (options.Collectors.Count * 8);
        },
    };

    public static Decoder WebConfig() => new()
    {
        Name = "web-config",
        Methods = ["WebConfigFile.Parse"],
        Seeds = Seeds.Texts(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans: [a.example, \"b\"]\n  min_version: TLS12\n  max_version: TLS13\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
            "http_server_config:\n  http2: false\n  headers:\n    Strict-Transport-Security: max-age=1\n    X-Frame-Options: deny\n",
            "basic_auth_users:\n  prometheus: $2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u\nrate_limit:\n  interval: 1m30s\n  burst: 20\n",
            "tls_server_config: {cert: \"-----BEGIN\", key: x, prefer_server_cipher_suites: true}\n"),
        Words = [.. Yaml, .. Seeds.Texts("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "cert_file", "key_file", "cert", "key", "client_ca", "client_ca_file", "burst", "interval", "1ns", "1h", "0", "µs", "headers", "http2", "TLS10", "TLS13", "curve_preferences")],
        Refusals = [typeof(ConfigurationException)],
        Allocation = OfATree,
        Run = input =>
        {
            Web.Access.WebConfig read = WebConfigFile.Parse(Path, Encoding.UTF8.GetString(input));
            Promise.Holds(read.Users.Keys.All(name => !name.Contains(':', StringComparison.Ordinal)), "no user has a colon in the name");
            Promise.Holds(read.Users.Count * 60 <= input.Length, "a hash has 60 characters, and each user one of the file");
            Promise.Holds(read.RateLimit is null || (read.RateLimit.Interval >= TimeSpan.Zero && read.RateLimit.Burst >= 1), "a limit that can be kept");
            Promise.Holds(read.Headers.All(header => header.Value.All(c => c is >= ' ' and <= '~')), "headers hold printable ASCII");
            Promise.Holds(read.Tls is not { Certificate.Path: { } path } || !path.Contains('\0', StringComparison.Ordinal), "no path has a NUL");
            return (read.Tls is null ? 0 : 1) | (read.RateLimit is null ? 0 : 2) | (Math.Min(read.Users.Count, 3) << 2) | (read.Headers.Length << 4);
        },
    };
}
