using System.Formats.Asn1;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace ConnExporter.Web.Access;

/// <summary>Certificate, key and rules of one moment, ready for handshakes. Never changed: another takes its place whole.</summary>
/// <remarks>Nothing but this and what it asks touches cryptography: a daemon without TLS starts on a host without OpenSSL.</remarks>
internal sealed class TlsMaterial
{
    private const string ClientAuthenticationUse = "1.3.6.1.5.5.7.3.2";
    private const string AlternativeNames = "2.5.29.17";

    // In Go's tls.Config these are not a matter of choice either.
    private static readonly TlsCipherSuite[] Tls13Suites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256];

    private readonly TlsConfig config;

    private TlsMaterial(TlsConfig config, SslServerAuthenticationOptions options, DateTimeOffset expires)
    {
        this.config = config;
        Options = options;
        Expires = expires;
    }

    /// <summary>What a handshake needs.</summary>
    public SslServerAuthenticationOptions Options { get; }

    /// <summary>The end of the certificate's validity.</summary>
    public DateTimeOffset Expires { get; }

    /// <summary>Reads what the configuration names.</summary>
    /// <exception cref="AccessFilesException">A file cannot be read, holds something else, certificate and key do not belong together, or no handshake could use them.</exception>
    public static TlsMaterial Load(TlsConfig config)
    {
        (X509Certificate2 certificate, SslStreamCertificateContext pair) = LoadPair(config);
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = pair,
            EnabledSslProtocols = config.Versions,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
            ClientCertificateRequired = config.ClientAuthentication != ClientAuthentication.NoClientCert,
            AllowRenegotiation = false,

            // A resumed handshake would go by the rules and the authority of the day of the first one.
            AllowTlsResume = config.ClientAuthentication == ClientAuthentication.NoClientCert,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (!config.CipherSuites.IsEmpty && OperatingSystem.IsLinux())
        {
            options.CipherSuitesPolicy = new CipherSuitesPolicy(config.CipherSuites.Select(Enum.Parse<TlsCipherSuite>).Union(Tls13Suites));
        }

        if (HandshakeTrial.Failure(options) is { } failure)
        {
            throw new AccessFilesException($"{config.Certificate.Place}: no handshake can use {config.Certificate.Path ?? "the certificate"}: {failure}");
        }

        var material = new TlsMaterial(config, options, new DateTimeOffset(certificate.NotAfter.ToUniversalTime()));
        if (options.ClientCertificateRequired)
        {
            options.CertificateChainPolicy = ClientPolicy(config);
            options.RemoteCertificateValidationCallback = (_, client, chain, errors) => material.Refusal(client, chain, errors) is not { } refusal || Handshake.Refused(refusal);
        }

        return material;
    }

    // Null where the client is let in.
    private string? Refusal(X509Certificate? client, X509Chain? chain, SslPolicyErrors errors)
    {
        if (client is not X509Certificate2 certificate)
        {
            return config.ClientAuthentication is ClientAuthentication.RequestClientCert or ClientAuthentication.VerifyClientCertIfGiven ? null : "it showed no certificate";
        }

        if (errors != SslPolicyErrors.None && config.ClientAuthentication is not (ClientAuthentication.RequestClientCert or ClientAuthentication.RequireAnyClientCert))
        {
            IEnumerable<X509ChainStatusFlags> why = chain?.ChainStatus.Select(status => status.Status) ?? [];
            return $"its certificate cannot be verified ({string.Join(", ", why.Distinct().Order().DefaultIfEmpty())})";
        }

        return config.AllowedNames.IsEmpty || NamesOf(certificate).Any(name => config.AllowedNames.Contains(name)) ? null : "its certificate has none of the names in client_allowed_sans";
    }

    private static X509ChainPolicy ClientPolicy(TlsConfig config)
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid(ClientAuthenticationUse));
        if (config.ClientAuthority is { } authority)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(Certificates(authority, Read(authority)));
        }

        return policy;
    }

    private static (X509Certificate2 Certificate, SslStreamCertificateContext Pair) LoadPair(TlsConfig config)
    {
        string pem = Read(config.Certificate);
        string key = Read(config.Key);
        X509Certificate2Collection all = Certificates(config.Certificate, pem);
        return Understood(
            () =>
            {
                // The first is the server's; it is refused where the key is not its own. Offline: intermediate certificates and revocation answers are never fetched.
                var certificate = X509Certificate2.CreateFromPem(pem, key);
                return (certificate, SslStreamCertificateContext.Create(certificate, [.. all.Skip(1)], offline: true));
            },
            e => $"{config.Key.Place}: {config.Key.Path ?? "the key"} cannot be used with the certificate: {PairComplaint.Of(all, key) ?? e.Message}");
    }

    private static X509Certificate2Collection Certificates(PemSource source, string pem)
    {
        X509Certificate2Collection all = Understood(
            () =>
            {
                X509Certificate2Collection found = [];
                found.ImportFromPem(pem);
                return found;
            },
            e => $"{source.Place}: {source.Path ?? "the certificate"}: {e.Message}");
        return all.Count > 0 ? all : throw new AccessFilesException($"{source.Place}: no certificate in {source.Path ?? "it"} (expected PEM, '-----BEGIN CERTIFICATE-----')");
    }

    // The framework has many kinds of exceptions for what cannot be used in a file, and they change with its version: none of them is a defect of ours.
    private static T Understood<T>(Func<T> read, Func<Exception, string> complaint)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new AccessFilesException(complaint(e));
        }
    }

    private static string Read(PemSource source)
    {
        if (source.Path is null)
        {
            return source.Text!;
        }

        try
        {
            const int Enough = 1024 * 1024;
            using FileStream file = File.OpenRead(source.Path);
            byte[] content = new byte[Enough + 1];
            int length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            return length <= Enough ? Encoding.UTF8.GetString(content, 0, length) : throw new AccessFilesException($"{source.Place}: {source.Path}: larger than {Enough} bytes; is this the right file?");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AccessFilesException($"{source.Place}: {e.Message}");
        }
    }

    // RFC 5280 §4.2.1.6; .NET has methods for DNS names and addresses only.
    private static List<string> NamesOf(X509Certificate2 certificate)
    {
        var names = new List<string>();
        foreach (X509Extension extension in certificate.Extensions.Where(extension => extension.Oid?.Value == AlternativeNames))
        {
            try
            {
                AsnReader sequence = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                while (sequence.HasData)
                {
                    Asn1Tag tag = sequence.PeekTag();
                    if (tag is { TagClass: TagClass.ContextSpecific, TagValue: 1 or 2 or 6 })
                    {
                        names.Add(sequence.ReadCharacterString(UniversalTagNumber.IA5String, tag));
                    }
                    else if (tag is { TagClass: TagClass.ContextSpecific, TagValue: 7 } && sequence.PeekContentBytes().Length is 4 or 16)
                    {
                        names.Add(new IPAddress(sequence.ReadOctetString(tag)).ToString());
                    }
                    else
                    {
                        sequence.ReadEncodedValue();
                    }
                }
            }
            catch (AsnContentException)
            {
                // A client may send anything: what cannot be read names nobody, and what was read before it does not count either.
                return [];
            }
        }

        return names;
    }
}
