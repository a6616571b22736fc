using System.Collections.Immutable;
using System.Security.Authentication;

namespace ConnExporter.Web.Access;

/// <summary>What the web configuration file says, checked as far as one can without the files it names.</summary>
internal sealed record WebConfig
{
    /// <summary>Nothing said: no TLS, no users.</summary>
    public static WebConfig Empty { get; } = new();

    /// <summary>How to speak TLS; null for plain HTTP.</summary>
    public TlsConfig? Tls { get; init; }

    /// <summary>Headers that each answer gets.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>bcrypt hashes by user; without any, everybody is let in.</summary>
    public ImmutableSortedDictionary<string, string> Users { get; init; } = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>How many requests one address may make; null for any number.</summary>
    public RateLimit? RateLimit { get; init; }
}

/// <summary>A bucket of requests that fills by one each interval.</summary>
internal sealed record RateLimit(TimeSpan Interval, int Burst);

/// <summary>PEM text, in a file or in the configuration itself.</summary>
/// <param name="Path">The file; null where the text is given.</param>
/// <param name="Text">The text; null where the file is given.</param>
/// <param name="Place">File, line and key that say so, for messages.</param>
internal sealed record PemSource(string? Path, string? Text, string Place);

/// <summary>The section <c>tls_server_config</c>.</summary>
internal sealed record TlsConfig
{
    /// <summary>The certificate, and those between it and its root.</summary>
    public required PemSource Certificate { get; init; }

    /// <summary>Its private key.</summary>
    public required PemSource Key { get; init; }

    /// <summary>What is asked of clients.</summary>
    public required ClientAuthentication ClientAuthentication { get; init; }

    /// <summary>Who signs clients' certificates; null for the authorities that the host trusts.</summary>
    public PemSource? ClientAuthority { get; init; }

    /// <summary>Names of which a client's certificate must have one; empty for any.</summary>
    public required ImmutableArray<string> AllowedNames { get; init; }

    /// <summary>The versions offered.</summary>
    public required SslProtocols Versions { get; init; }

    /// <summary>Cipher suites of TLS 1.2, by their IANA names; empty for those of the TLS library.</summary>
    public required ImmutableArray<string> CipherSuites { get; init; }
}

/// <summary>What is asked of clients, in the words of Go's crypto/tls.</summary>
internal enum ClientAuthentication
{
    /// <summary>Nothing.</summary>
    NoClientCert,

    /// <summary>A certificate is asked for; none, or any, will do.</summary>
    RequestClientCert,

    /// <summary>A certificate is needed; any will do.</summary>
    RequireAnyClientCert,

    /// <summary>None will do, but one that is given must be good.</summary>
    VerifyClientCertIfGiven,

    /// <summary>A good certificate is needed.</summary>
    RequireAndVerifyClientCert,
}
