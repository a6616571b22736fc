using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>An authority, and certificates that it signs, as files.</summary>
internal sealed class TestCertificates : IDisposable
{
    public const string ServerUse = "1.3.6.1.5.5.7.3.1";
    public const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly TemporaryDirectory directory;
    private readonly X509Certificate2 authority;
    private int serial;

    public TestCertificates(TemporaryDirectory directory)
    {
        this.directory = directory;
        CertificateRequest request = Request("authority", RSA.Create(2048));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        directory.Write("ca.crt", authority.ExportCertificatePem());
    }

    /// <summary>The certificate that clients trust.</summary>
    public X509Certificate2 Authority => authority;

    /// <summary>Makes a certificate and its key, with names to be found by.</summary>
    /// <returns>The certificate's number, by which it can be told from others.</returns>
    public string Make(string file, string use, string[] dnsNames, Uri? uri = null, string? email = null, int days = 20)
    {
        using var key = RSA.Create(2048);
        CertificateRequest request = Request(file, key);
        var names = new SubjectAlternativeNameBuilder();
        foreach (string name in dnsNames)
        {
            names.AddDnsName(name);
        }

        names.AddIpAddress(IPAddress.Loopback);
        if (uri is not null)
        {
            names.AddUri(uri);
        }

        if (email is not null)
        {
            names.AddEmailAddress(email);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        using X509Certificate2 certificate = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(days), [1, 2, 3, (byte)++serial]);
        directory.Write($"{file}.crt", certificate.ExportCertificatePem());
        directory.Write($"{file}.key", key.ExportPkcs8PrivateKeyPem());
        return certificate.SerialNumber;
    }

    /// <summary>Makes one that nobody but itself has signed.</summary>
    public void MakeSelfSigned(string file)
    {
        using var key = RSA.Create(2048);
        using X509Certificate2 certificate = Request(file, key).CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
        directory.Write($"{file}.crt", certificate.ExportCertificatePem());
        directory.Write($"{file}.key", key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Reads a pair for the use of a client.</summary>
    public X509Certificate2 Load(string file) => X509Certificate2.CreateFromPemFile(directory[$"{file}.crt"], directory[$"{file}.key"]);

    public void Dispose() => authority.Dispose();

    private static CertificateRequest Request(string name, RSA key) => new($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
}
