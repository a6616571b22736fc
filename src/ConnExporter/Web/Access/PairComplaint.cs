using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ConnExporter.Web.Access;

/// <summary>Why a certificate and a key do not go together, where that can be told better than the framework does.</summary>
internal static class PairComplaint
{
    private const string Rsa = "1.2.840.113549.1.1.1";
    private const string EllipticCurve = "1.2.840.10045.2.1";

    // DER: a curve that is spelled out is a sequence, one that is named an object identifier (RFC 5480 §2.1.1).
    private const byte Sequence = 0x30;

    /// <summary>Looks for what is often wrong.</summary>
    /// <param name="certificates">The file of certificates, the server's first; not empty.</param>
    /// <param name="key">The file of the key.</param>
    /// <returns>Null where nothing of it is.</returns>
    public static string? Of(X509Certificate2Collection certificates, string key)
    {
        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            return "there is no private key in it (expected PEM, '-----BEGIN PRIVATE KEY-----')";
        }

        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            return "it is encrypted, and nobody can be asked for the password";
        }

        PublicKey kind = certificates[0].PublicKey;
        if (kind.Oid.Value is not (Rsa or EllipticCurve))
        {
            return $"that has a key of the kind {kind.Oid.FriendlyName ?? kind.Oid.Value}; expected RSA or a named elliptic curve";
        }

        if (kind.Oid.Value == EllipticCurve && kind.EncodedParameters?.RawData is [Sequence, ..])
        {
            return "the certificate's elliptic curve is spelled out; expected a named one (openssl: -pkeyopt ec_param_enc:named_curve)";
        }

        for (int i = 1; i < certificates.Count; i++)
        {
            if (IsOf(certificates[i], key))
            {
                return $"it belongs to certificate {i + 1} of the file; the server's own comes first";
            }
        }

        return null;
    }

    private static bool IsOf(X509Certificate2 certificate, string key)
    {
        try
        {
            using var _ = X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), key);
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            return false;
        }
    }
}
