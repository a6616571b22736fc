using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Authentication;
using ConnExporter.Configuration;
using YamlDotNet.RepresentationModel;

namespace ConnExporter.Web.Access;

/// <summary>
/// The web configuration file: the format that Prometheus's exporters share (exporter-toolkit, docs/web-configuration.md). What cannot be
/// honoured is refused, never passed over.
/// </summary>
internal static class WebConfigFile
{
    private const int LowestCost = 4;

    // One more doubles the time: 16 takes seconds, and a scraper gives up after 10.
    private const int HighestCost = 16;
    private const int HashLength = 60;

    // The toolkit's list, with the values that it allows; it knows no others, so that the same file works everywhere.
    private static readonly (string Name, string[] Values)[] AllowedHeaders =
    [
        ("Content-Security-Policy", []), ("Strict-Transport-Security", []), ("X-Content-Type-Options", ["nosniff"]),
        ("X-Frame-Options", ["deny", "sameorigin"]), ("X-XSS-Protection", []),
    ];

    // Go's names of what it calls secure, for TLS 1.2; those of TLS 1.3 are always offered.
    private static readonly string[] AllowedSuites =
    [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ];

    private static readonly (string Name, ClientAuthentication Value)[] ClientAuthTypes =
    [
        .. Enum.GetValues<ClientAuthentication>().Select(value => (value.ToString(), value)), ("RequireClientCert", ClientAuthentication.RequireAnyClientCert),
    ];

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    private static readonly (string Suffix, double Seconds)[] Units =
    [
        ("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600),
    ];

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; paths in it count from its directory.</param>
    /// <exception cref="ConfigurationException">It cannot be read or used; the message names file, line and key.</exception>
    public static WebConfig Read(string path) => Parse(path, YamlFile.ReadText(path, Settings.WebConfigFile));

    /// <summary>Reads the text of a file.</summary>
    /// <param name="path">The file's name.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="ConfigurationException">It cannot be used; the message names file, line and key.</exception>
    public static WebConfig Parse(string path, string text)
    {
        if (YamlFile.Parse(path, text) is not { } root)
        {
            return WebConfig.Empty;
        }

        var file = new Section(path, "", root, "tls_server_config", "http_server_config", "basic_auth_users", "rate_limit");
        Section http = file.Sub("http_server_config", "http2", "headers");

        // HTTP/2 is not offered, whatever it says: to offer it is a permission, not a duty.
        http.Switch("http2");
        return new WebConfig
        {
            Tls = Tls(file),
            Headers = Headers(http),
            Users = Users(file.Sub("basic_auth_users")),
            RateLimit = RateLimit(file.Sub("rate_limit", "interval", "burst")),
        };
    }

    private static TlsConfig? Tls(Section file)
    {
        Section tls = file.Sub(
            "tls_server_config", "cert", "key", "client_ca", "cert_file", "key_file", "client_auth_type", "client_ca_file", "client_allowed_sans", "min_version",
            "max_version", "cipher_suites", "prefer_server_cipher_suites", "curve_preferences");
        if (tls.IsEmpty)
        {
            return null;
        }

        if (tls.List("curve_preferences").Any())
        {
            throw tls.Wrong("curve_preferences", "cannot be chosen here, the TLS library's own are used; leave the key out");
        }

        // Go passes it over since 1.17, and so it is here.
        tls.Switch("prefer_server_cipher_suites");
        ClientAuthentication clients = tls.OneOf("client_auth_type", ClientAuthTypes) ?? ClientAuthentication.NoClientCert;
        PemSource? authority = Pem(tls, "client_ca_file", "client_ca");
        if (authority is not null && clients == ClientAuthentication.NoClientCert)
        {
            throw new ConfigurationException($"{authority.Place}: without client_auth_type nobody is asked for a certificate; did you mean 'client_auth_type: RequireAndVerifyClientCert'?");
        }

        ImmutableArray<string> names = [.. tls.List("client_allowed_sans").Select(name => name.Text)];
        if (names.Length > 0 && clients is not (ClientAuthentication.RequireAnyClientCert or ClientAuthentication.RequireAndVerifyClientCert))
        {
            throw tls.Wrong("client_allowed_sans", "needs client_auth_type RequireAndVerifyClientCert (or RequireAnyClientCert): a client without a certificate has no names");
        }

        return new TlsConfig
        {
            Certificate = Pem(tls, "cert_file", "cert") ?? throw tls.Missing("cert_file"),
            Key = Pem(tls, "key_file", "key") ?? throw tls.Missing("key_file"),
            ClientAuthentication = clients,
            ClientAuthority = authority,
            AllowedNames = names,
            Versions = Versions(tls),
            CipherSuites = [.. tls.List("cipher_suites").Select(suite => AllowedSuites.Contains(suite.Text) ? suite.Text : throw suite.Wrong($"no such cipher suite, or one that is not safe{Suggestion.For(suite.Text, AllowedSuites)}"))],
        };
    }

    private static SslProtocols Versions(Section tls)
    {
        (string, int)[] known = [("TLS10", 10), ("TLS11", 11), ("TLS12", 12), ("TLS13", 13)];
        int lowest = tls.OneOf("min_version", known) ?? 12;
        int highest = tls.OneOf("max_version", known) ?? 13;
        if (lowest < 12)
        {
            throw tls.Wrong("min_version", "TLS below 1.2 is not offered; expected TLS12 or TLS13");
        }

        if (highest < lowest)
        {
            throw tls.Wrong("max_version", "below min_version, so that no version is left");
        }

#pragma warning disable CA5397, CA5398 // Who writes the file has chosen; CA5397 takes the numbers compared here for versions of SSL.
        return lowest == 13 ? SslProtocols.Tls13 : highest == 13 ? SslProtocols.Tls12 | SslProtocols.Tls13 : SslProtocols.Tls12;
#pragma warning restore CA5397, CA5398
    }

    private static PemSource? Pem(Section tls, string fileKey, string textKey)
    {
        string? file = tls.Text(fileKey);
        string? text = tls.Text(textKey);
        return (file, text) switch
        {
            (not null, not null) => throw tls.Wrong(textKey, $"given along with {fileKey}; which of the two?"),
            (null, null) => null,
            (not null, _) when file.Contains('\0', StringComparison.Ordinal) => throw tls.Wrong(fileKey, "expected a path"),
            (null, _) => new PemSource(null, text, tls.Place(textKey)),
            _ => new PemSource(Path.GetFullPath(file, Path.GetDirectoryName(Path.GetFullPath(tls.File))!), null, tls.Place(fileKey)),
        };
    }

    private static ImmutableArray<KeyValuePair<string, string>> Headers(Section http)
    {
        Section headers = http.Sub("headers", [.. AllowedHeaders.Select(header => header.Name)]);
        ImmutableArray<KeyValuePair<string, string>>.Builder found = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        foreach ((string name, string[] values) in AllowedHeaders)
        {
            if (headers.Text(name) is not { } value)
            {
                continue;
            }

            if (values.Length > 0 && !values.Contains(value))
            {
                throw headers.Wrong(name, $"expected {string.Join(" or ", values)}");
            }

            if (value.Any(c => c is < ' ' or > '~'))
            {
                throw headers.Wrong(name, "a header holds printable ASCII only");
            }

            found.Add(new(name, value));
        }

        return found.ToImmutable();
    }

    private static ImmutableSortedDictionary<string, string> Users(Section users)
    {
        var found = WebConfig.Empty.Users.ToBuilder();
        foreach (string name in users.Keys)
        {
            // Basic authentication puts a colon between name and password (RFC 7617 §2).
            if (name.Contains(':', StringComparison.Ordinal))
            {
                throw users.Complaint(name, "a user's name cannot hold a colon");
            }

            // The value is a secret of sorts: it is not repeated.
            found.Add(name, users.Text(name) is { } hash && IsBcrypt(hash, out int cost) && cost is >= LowestCost and <= HighestCost
                ? hash
                : throw users.Complaint(name, $"expected a bcrypt hash with a cost of {LowestCost} to {HighestCost}, such as 'htpasswd -nBC 10 \"\"' prints after the colon"));
        }

        return found.ToImmutable();
    }

    private static bool IsBcrypt(string hash, out int cost)
    {
        cost = 0;
        return hash.Length == HashLength
            && hash[..4] is "$2a$" or "$2b$" or "$2y$"
            && int.TryParse(hash.AsSpan(4, 2), NumberStyles.None, CultureInfo.InvariantCulture, out cost)
            && hash[6] == '$'
            && hash[7..].All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '/');
    }

    private static RateLimit? RateLimit(Section limit)
    {
        if (limit.Text("interval") is not { } text)
        {
            return limit.Text("burst") is null ? null : throw limit.Missing("interval");
        }

        TimeSpan interval = Duration(text) is { } duration && duration >= TimeSpan.Zero ? duration : throw limit.Wrong("interval", "expected a duration such as 500ms, 1s or 1m30s");
        if (interval == TimeSpan.Zero)
        {
            return null;
        }

        return int.TryParse(limit.Text("burst"), NumberStyles.None, CultureInfo.InvariantCulture, out int burst) && burst is >= 1 and <= 1_000_000
            ? new RateLimit(interval, burst)
            : throw (limit.Text("burst") is null ? limit.Missing("burst") : limit.Wrong("burst", "expected a whole number from 1 to 1000000"));
    }

    // Go's form: numbers with units, one after the other.
    private static TimeSpan? Duration(string text)
    {
        if (text == "0")
        {
            return TimeSpan.Zero;
        }

        double seconds = 0;
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count))
            {
                return null;
            }

            rest = rest[digits..];
            int letters = rest.IndexOfAny(Digits);
            string unit = (letters < 0 ? rest : rest[..letters]).ToString();
            rest = letters < 0 ? default : rest[letters..];
            if (Array.Find(Units, known => known.Suffix == unit) is not { Suffix: not null } found)
            {
                return null;
            }

            seconds += count * found.Seconds;
        }

        return text.Length > 0 && seconds <= TimeSpan.FromDays(1).TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }

    /// <summary>One mapping of the file.</summary>
    private sealed class Section
    {
        private readonly string prefix;
        private readonly Dictionary<string, (YamlNode Value, long Line)> entries = [];

        /// <summary>Takes a mapping; a key that is not known is refused, unless none are named and all are welcome.</summary>
        public Section(string file, string prefix, YamlMappingNode mapping, params string[] known)
        {
            File = file;
            this.prefix = prefix;
            foreach ((YamlNode key, YamlNode value) in mapping.Children)
            {
                string name = key is YamlScalarNode { Value: { } text } ? text : throw new ConfigurationException($"{file}:{key.Start.Line}: expected a key");
                entries[name] = (value, key.Start.Line);
                if (known.Length > 0 && !known.Contains(name))
                {
                    throw Complaint(name, $"no such key{Suggestion.For(name, known)}");
                }
            }
        }

        public string File { get; }

        public bool IsEmpty => entries.Keys.All(key => Find(key) is null);

        public IEnumerable<string> Keys => entries.Keys;

        /// <summary>The section below a key; empty where there is none.</summary>
        public Section Sub(string key, params string[] known) => Find(key) switch
        {
            null => new Section(File, $"{prefix}{key}.", []),
            YamlMappingNode mapping => new Section(File, $"{prefix}{key}.", mapping, known),
            _ => throw Complaint(key, "expected a mapping of keys to values"),
        };

        /// <summary>The value of a key; null where it is missing, blank or null.</summary>
        public string? Text(string key) => Find(key) switch
        {
            null => null,
            YamlScalarNode { Value: { } text } => text,
            _ => throw Complaint(key, "expected one value"),
        };

        public void Switch(string key)
        {
            if (Text(key) is not (null or "true" or "false") && YamlScalar.Boolean(Find(key)!) is null)
            {
                throw Wrong(key, "expected true or false");
            }
        }

        public T? OneOf<T>(string key, (string Name, T Value)[] known)
            where T : struct
        {
            if (Text(key) is not { } text)
            {
                return null;
            }

            foreach ((string name, T value) in known)
            {
                if (name == text)
                {
                    return value;
                }
            }

            string[] names = [.. known.Select(entry => entry.Name)];
            throw Wrong(key, $"expected {string.Join(", ", names[..^1])} or {names[^1]}{Suggestion.For(text, names)}");
        }

        /// <summary>The values below a key, each with its own place.</summary>
        public IEnumerable<Item> List(string key) => Find(key) switch
        {
            null => [],
            YamlSequenceNode sequence => sequence.Children.Select(node => node is YamlScalarNode { Value: { Length: > 0 } text }
                ? new Item($"{File}:{node.Start.Line}: {prefix}{key}", text)
                : throw Complaint(key, "expected a list of texts")),
            _ => throw Complaint(key, "expected a list of texts"),
        };

        public string Place(string key) => entries.TryGetValue(key, out (YamlNode Value, long Line) entry) ? $"{File}:{entry.Line}: {prefix}{key}" : $"{File}: {prefix}{key}";

        /// <summary>The complaint about a value.</summary>
        public ConfigurationException Wrong(string key, string reason) => Find(key) is YamlScalarNode { Value: { } text } ? new($"{Place(key)}: '{text}': {reason}") : Complaint(key, reason);

        /// <summary>The complaint about a key.</summary>
        public ConfigurationException Complaint(string key, string reason) => new($"{Place(key)}: {reason}");

        /// <summary>The complaint about a key that is not there.</summary>
        public ConfigurationException Missing(string key) => new($"{File}: {prefix}{key} is missing");

        private YamlNode? Find(string key) => entries.TryGetValue(key, out (YamlNode Value, long Line) entry) && !(entry.Value is YamlScalarNode { Value: null or "" } || YamlScalar.IsNull(entry.Value)) ? entry.Value : null;
    }

    private readonly record struct Item(string Place, string Text)
    {
        public ConfigurationException Wrong(string reason) => new($"{Place}: '{Text}': {reason}");
    }
}
