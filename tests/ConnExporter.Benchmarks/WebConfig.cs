using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ConnExporter.Benchmarks;

/// <summary>A web configuration file with a certificate of its own.</summary>
internal sealed class WebConfig : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("conn-bench-web-");

    private readonly string hash;

    public WebConfig()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(System.IO.Path.Join(directory.FullName, "server.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(System.IO.Path.Join(directory.FullName, "server.key"), key.ExportPkcs8PrivateKeyPem());
        hash = certificate.GetCertHashString();
        File.WriteAllText(Path, "tls_server_config: {cert_file: server.crt, key_file: server.key}\n");
    }

    public string Path => System.IO.Path.Join(directory.FullName, "web.yml");

    /// <summary>Whether a certificate is the one of this configuration.</summary>
    public bool IsOwn(X509Certificate? certificate) => certificate?.GetCertHashString() == hash;

    public void Dispose() => directory.Delete(recursive: true);
}
