using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ConnExporter.Tests.Support;
using ConnExporter.Web.Access;

namespace ConnExporter.Tests.Web.Access;

/// <summary>Whatever lies where certificate and key should be is served, or refused with a reason.</summary>
public sealed class TlsMaterialTests : IDisposable
{
    private const string NotTheKey = "web.yml:3: key_file: {0} cannot be used with the certificate: ";

    // openssl genpkey -algorithm ed25519, and a certificate of it: .NET makes none.
    private const string Ed25519Certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBPDCB76ADAgECAhQxw324Ob141FLmM1MNod+x39ReuDAFBgMrZXAwFDESMBAG
        A1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyOTExMzYxNFoXDTI2MTIwODExMzYxNFow
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCowBQYDK2VwAyEADhMqgO1cNGl8NLqRFMA1
        6+sm5XHqLk6h2zv1kXDClxKjUzBRMB0GA1UdDgQWBBSC3tDxvNEeCPT/xuf2g3sn
        FQUbBjAfBgNVHSMEGDAWgBSC3tDxvNEeCPT/xuf2g3snFQUbBjAPBgNVHRMBAf8E
        BTADAQH/MAUGAytlcANBAE6BhhU54yjiDXWJV1cfMIqWCGlAmpHZLImjCZ6eg1wz
        RysNf8u3shmbkZ+Qi1PCy8AeMyV1UKYkGm6u2OllhQo=
        -----END CERTIFICATE-----
        """;

    private const string Ed25519Key = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIIkTe6uS2uGTEKBWX4Y6MV/W+GGyf261mcAgOLE5K8Z8
        -----END PRIVATE KEY-----
        """;

    // openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit, and a certificate of it.
    private const string SpelledOutCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICcDCCAhegAwIBAgIUTk16uBNkzNkFP3Z32zwqlJVKSwUwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyOTExMzYxMloXDTI2MTIwODEx
        MzYxMlowFDESMBAGA1UEAwwJbG9jYWxob3N0MIIBSzCCAQMGByqGSM49AgEwgfcC
        AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
        MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
        vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
        axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
        K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
        YyVRAgEBA0IABGAFOjBl9ZLUn+LMRmSAXSMgO/q+XU04ml7attG2yy6Vi4atnQU0
        UtzQ2Ox7B1TzQnjYX5/5aM6dR0LC3WWPIk2jUzBRMB0GA1UdDgQWBBQZYK3n8WHe
        POxrE003To2l/V0O5jAfBgNVHSMEGDAWgBQZYK3n8WHePOxrE003To2l/V0O5jAP
        BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIHC5P5+XfZcl96EXu1FA
        bHqsJNsWx8kJKTXJQXYECptHAiBKAcOhzgV73TpUFk3C8qkbaRJnGEvKlD6Z+uIw
        dpR5zQ==
        -----END CERTIFICATE-----
        """;

    private const string SpelledOutKey = """
        -----BEGIN PRIVATE KEY-----
        MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB
        AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA
        ///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV
        AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg
        9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A
        AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQggwM88lDBTFiV
        PcLH/DRLBTE5bIhBZWEkSS//dHoVFbyhRANCAARgBTowZfWS1J/izEZkgF0jIDv6
        vl1NOJpe2rbRtssulYuGrZ0FNFLc0NjsewdU80J42F+f+WjOnUdCwt1ljyJN
        -----END PRIVATE KEY-----
        """;

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("nistP256")]
    [InlineData("nistP384")]
    [InlineData("nistP521")]
    public void Named_curves_are_served_in_both_forms_of_a_key(string curve)
    {
        using var key = ECDsa.Create(ECCurve.CreateFromFriendlyName(curve));
        string certificate = SelfSigned(key);

        Complaint(certificate, key.ExportPkcs8PrivateKeyPem()).ShouldBeNull();
        Complaint(certificate, key.ExportECPrivateKeyPem()).ShouldBeNull();
        Complaint(certificate, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + key.ExportECPrivateKeyPem()).ShouldBeNull("openssl ecparam -genkey writes it so");
    }

    [Fact]
    public void Files_are_served_however_they_were_put_together()
    {
        using var key = RSA.Create(2048);
        string certificate = SelfSigned(key);
        string pkcs8 = key.ExportPkcs8PrivateKeyPem();

        Complaint(certificate, pkcs8).ShouldBeNull();
        Complaint(certificate, key.ExportRSAPrivateKeyPem()).ShouldBeNull();
        Complaint(certificate + "\n" + pkcs8, certificate + "\n" + pkcs8).ShouldBeNull("both in one file");
        Complaint(pkcs8 + "\n" + certificate, pkcs8 + "\n" + certificate).ShouldBeNull("both in one file, the key first");
        Complaint(certificate.ReplaceLineEndings("\r\n"), pkcs8.ReplaceLineEndings("\r\n")).ShouldBeNull();
        Complaint("Bag Attributes\n    friendlyName: x\n" + certificate, pkcs8).ShouldBeNull();
        Complaint(SelfSigned(key, daysAgo: 400), pkcs8).ShouldBeNull("whether it has expired is the client's business, and an alert's");
    }

    [Fact]
    public void A_pair_that_can_be_used_is_never_refused_by_chance()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string certificate = SelfSigned(key);
        string pkcs8 = key.ExportPkcs8PrivateKeyPem();

        for (int i = 0; i < 200; i++)
        {
            Complaint(certificate, pkcs8).ShouldBeNull();
        }
    }

    [Theory]
    [InlineData("PKCS#8")]
    [InlineData("SEC1")]
    [InlineData("another curve")]
    [InlineData("RSA")]
    [InlineData("of RSA, an EC key")]
    [InlineData("RSA, of RSA")]
    public void Half_of_a_rotation_is_refused(string kind)
    {
        using var old = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var next = ECDsa.Create(kind == "another curve" ? ECCurve.NamedCurves.nistP384 : ECCurve.NamedCurves.nistP256);
        using var oldRsa = RSA.Create(2048);
        using var nextRsa = RSA.Create(2048);
        (string certificate, string key) = kind switch
        {
            "SEC1" => (SelfSigned(old), next.ExportECPrivateKeyPem()),
            "RSA" => (SelfSigned(old), nextRsa.ExportPkcs8PrivateKeyPem()),
            "of RSA, an EC key" => (SelfSigned(oldRsa), next.ExportPkcs8PrivateKeyPem()),
            "RSA, of RSA" => (SelfSigned(oldRsa), nextRsa.ExportRSAPrivateKeyPem()),
            _ => (SelfSigned(old), next.ExportPkcs8PrivateKeyPem()),
        };

        Complaint(certificate, key).ShouldNotBeNull().ShouldStartWith(NotTheKey.Replace("{0}", Path.Join(directory.Path, "b.key"), StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_often_wrong_is_named()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = RSA.Create(2048);
        string certificate = SelfSigned(key);
        string pkcs8 = key.ExportPkcs8PrivateKeyPem();
        var slow = new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000);

        Complaint(certificate, "").ShouldEndWith("there is no private key in it (expected PEM, '-----BEGIN PRIVATE KEY-----')");
        Complaint(certificate, certificate).ShouldEndWith("there is no private key in it (expected PEM, '-----BEGIN PRIVATE KEY-----')");
        Complaint(certificate, key.ExportSubjectPublicKeyInfoPem()).ShouldEndWith("there is no private key in it (expected PEM, '-----BEGIN PRIVATE KEY-----')");
        Complaint(certificate, key.ExportEncryptedPkcs8PrivateKeyPem("secret", slow)).ShouldEndWith("it is encrypted, and nobody can be asked for the password");
        Complaint(certificate, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n").ShouldEndWith("it is encrypted, and nobody can be asked for the password");
        Complaint(SelfSigned(other) + "\n" + certificate, pkcs8).ShouldEndWith("it belongs to certificate 2 of the file; the server's own comes first");
        Complaint(Ed25519Certificate, Ed25519Key).ShouldEndWith("expected RSA or a named elliptic curve");
        Complaint(pkcs8, pkcs8).ShouldBe($"web.yml:2: cert_file: no certificate in {Path.Join(directory.Path, "a.crt")} (expected PEM, '-----BEGIN CERTIFICATE-----')");
        Complaint("", pkcs8).ShouldBe($"web.yml:2: cert_file: no certificate in {Path.Join(directory.Path, "a.crt")} (expected PEM, '-----BEGIN CERTIFICATE-----')");
    }

    [Fact]
    public void A_curve_that_is_spelled_out_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Complaint(SpelledOutCertificate, SpelledOutKey).ShouldEndWith("the certificate's elliptic curve is spelled out; expected a named one (openssl: -pkeyopt ec_param_enc:named_curve)");
        Complaint(SelfSigned(key), SpelledOutKey).ShouldNotBeNull().ShouldContain("cannot be used with the certificate");
    }

    [Fact]
    public void What_no_handshake_can_use_is_refused()
    {
        using var weak = RSA.Create(1024);
        Complaint(SelfSigned(weak), weak.ExportPkcs8PrivateKeyPem()).ShouldNotBeNull().ShouldStartWith($"web.yml:2: cert_file: no handshake can use {Path.Join(directory.Path, "a.crt")}: ");

        foreach (string curve in (string[])["secp256k1", "brainpoolP256r1"])
        {
            using var strange = ECDsa.Create(ECCurve.CreateFromFriendlyName(curve));
            Complaint(SelfSigned(strange), strange.ExportPkcs8PrivateKeyPem()).ShouldNotBeNull(curve).ShouldContain("no handshake can use");
        }
    }

    [Theory]
    [InlineData("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", false, false)]
    [InlineData("TLS_AES_128_GCM_SHA256", false, false)]
    [InlineData("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", false, true)]
    [InlineData("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", false, true)]
    [InlineData("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", true, true)]
    public void Suites_of_which_the_certificate_can_serve_none_are_refused(string suite, bool withTls13, bool served)
    {
        using var key = RSA.Create(2048);

        string? complaint = Complaint(SelfSigned(key), key.ExportPkcs8PrivateKeyPem(), new TlsRules(withTls13, [suite]));

        (complaint is null).ShouldBe(served, complaint);
    }

    [Fact]
    public void Whatever_damage_a_file_has_it_is_served_or_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string certificate = SelfSigned(key);
        string pkcs8 = key.ExportPkcs8PrivateKeyPem();
        var dice = new Random(42);
        for (int i = 0; i < 300; i++)
        {
            bool isKey = i % 2 == 0;
            char[] damaged = (isKey ? pkcs8 : certificate).ToCharArray();
            for (int n = dice.Next(1, 4); n > 0; n--)
            {
                damaged[dice.Next(damaged.Length)] = (char)dice.Next(' ', 128);
            }

            string text = new string(damaged)[..dice.Next(damaged.Length + 1)];
            string? complaint = Complaint(isKey ? certificate : text, isKey ? text : pkcs8);
            complaint?.ShouldStartWith("web.yml:");
            complaint?.ShouldNotContain("\n");
        }
    }

    [Fact]
    public void An_authority_that_is_none_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (string authority in (string[])["", "text", key.ExportPkcs8PrivateKeyPem(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
        {
            Complaint(SelfSigned(key), key.ExportPkcs8PrivateKeyPem(), new TlsRules(true, []) { Authority = authority }).ShouldNotBeNull(authority).ShouldStartWith("web.yml:4: client_ca_file: ");
        }
    }

    private static string SelfSigned(RSA key, int daysAgo = 1) => Sign(new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), daysAgo);

    private static string SelfSigned(ECDsa key) => Sign(new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256), 1);

    private static string Sign(CertificateRequest request, int daysAgo)
    {
        DateTimeOffset start = DateTimeOffset.UtcNow.AddDays(-daysAgo);
        using X509Certificate2 certificate = request.CreateSelfSigned(start, start.AddDays(30));
        return certificate.ExportCertificatePem();
    }

    // Null where it is served.
    private string? Complaint(string certificate, string key, TlsRules? rules = null)
    {
        rules ??= new TlsRules(true, []);
        var config = new TlsConfig
        {
            Certificate = new PemSource(directory.Write("a.crt", certificate), null, "web.yml:2: cert_file"),
            Key = new PemSource(directory.Write("b.key", key), null, "web.yml:3: key_file"),
            ClientAuthentication = rules.Authority is null ? ClientAuthentication.NoClientCert : ClientAuthentication.RequireAndVerifyClientCert,
            ClientAuthority = rules.Authority is null ? null : new PemSource(null, rules.Authority, "web.yml:4: client_ca_file"),
            AllowedNames = [],
#pragma warning disable CA5398 // As the web configuration has it.
            Versions = rules.WithTls13 ? SslProtocols.Tls12 | SslProtocols.Tls13 : SslProtocols.Tls12,
#pragma warning restore CA5398
            CipherSuites = [.. rules.Suites],
        };
        try
        {
            TlsMaterial.Load(config).Expires.ShouldBeGreaterThan(DateTimeOffset.UnixEpoch);
            return null;
        }
        catch (AccessFilesException e)
        {
            return e.Message;
        }
    }

    private sealed record TlsRules(bool WithTls13, string[] Suites)
    {
        public string? Authority { get; init; }
    }
}
