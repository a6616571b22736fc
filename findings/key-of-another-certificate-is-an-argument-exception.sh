#!/bin/bash
# System.Security.Cryptography of .NET 10.
#
# The documentation of X509Certificate2.CreateFromPem(certPem, keyPem) names CryptographicException for a key that does not match. A private key that is
# not the certificate's own gives that for RSA and for "EC PRIVATE KEY"; for an elliptic curve in PKCS#8 ("PRIVATE KEY", as openssl genpkey and
# certbot write it) it is an ArgumentException, which no caller who goes by the documentation catches. A server that reads its files
# again in the middle of a rotation ends there.
#
# Seen: one certificate, the same foreign key in both forms; CryptographicException for the one, ArgumentException for the other.
# Needs the .NET 10 SDK. Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >finding.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
</Project>
XML
cat >Program.cs <<'CS'
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
using X509Certificate2 certificate = new CertificateRequest("CN=localhost", own, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
string pem = certificate.ExportCertificatePem();
string pkcs8 = Thrown(other.ExportPkcs8PrivateKeyPem());
string sec1 = Thrown(other.ExportECPrivateKeyPem());
Console.WriteLine($".NET {Environment.Version}: PKCS#8 {pkcs8}, SEC 1 {sec1}");
return pkcs8 == nameof(ArgumentException) && sec1 == nameof(CryptographicException) ? 0 : 1;

string Thrown(string key)
{
    try
    {
        X509Certificate2.CreateFromPem(pem, key).Dispose();
        return "nothing";
    }
    catch (Exception e)
    {
        return e.GetType().Name;
    }
}
CS
dotnet run
