#!/bin/bash
# prometheus-net 8.2.1 (NuGet) on .NET 10, read by promtool 2.42.0 (Debian 2.42.0+ds-5+deb12u1).
#
# Label values are escaped as the text format asks, help texts are not. A help text of two lines is accepted by CreateGauge and puts its second line on the
# page as a sample; the parser refuses the whole page, with every other metric on it. A backslash in a help text is passed on as it is and read as the begin of
# an escape.
#
# Seen: promtool check metrics: text format parsing error in line 2: expected float as value.
# Needs the .NET 10 SDK and NuGet, Debian or Ubuntu (apt). Ends with 0 while this is so, with 1 when it has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q -o APT::Sandbox::User=root prometheus=2.42.0+ds-5+deb12u1 >/dev/null
dpkg-deb -x prometheus_*.deb .
cat >finding.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <NoWarn>NU1603</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="prometheus-net" Version="[8.2.1]" />
  </ItemGroup>
</Project>
XML
cat >Program.cs <<'CS'
using Prometheus;

CollectorRegistry registry = Metrics.NewCustomRegistry();
Metrics.WithCustomRegistry(registry).CreateGauge("queue_length", "Connections that wait.\nOf all listeners.").Set(3);
await registry.CollectAndExportAsTextAsync(Console.OpenStandardOutput());
CS
dotnet build -v q --nologo
dotnet run --no-build >page.txt
cat page.txt
if said=$(./usr/bin/promtool check metrics <page.txt 2>&1); then
  echo 'promtool reads the page'
  exit 1
fi
echo "promtool: $said"
grep -q 'line 2: expected float as value' <<<"$said"
