#!/bin/bash
# prometheus-net 8.2.1 (NuGet) on .NET 10.
#
# The documentation of CollectorRegistry.AddBeforeCollectCallback says that a ScrapeFailedException thrown from the callback fails the whole collection and
# becomes an HTTP error. It does not: the exception is dropped, synchronous and asynchronous callback alike, and the page is answered with 200 and the values
# of the last time that the source could be read. Prometheus sees up == 1 and a straight line.
#
# Seen: callbacks that throw ScrapeFailedException at every collection; the server answers 200 with queue_length 3.
# Needs the .NET 10 SDK and NuGet. Ends with 0 while this is so, with 1 when it has changed.
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
Metrics.WithCustomRegistry(registry).CreateGauge("queue_length", "Connections that wait.").Set(3);
registry.AddBeforeCollectCallback(() => throw new ScrapeFailedException("the source is gone"));
registry.AddBeforeCollectCallback(_ => Task.FromException(new ScrapeFailedException("the source is gone")));
using var server = new MetricServer("localhost", 19257, registry: registry);
server.Start();
using var client = new HttpClient();
HttpResponseMessage answer = await client.GetAsync("http://localhost:19257/metrics");
string page = await answer.Content.ReadAsStringAsync();
Console.WriteLine($"prometheus-net {typeof(Metrics).Assembly.GetName().Version}, .NET {Environment.Version}");
Console.WriteLine($"both callbacks throw ScrapeFailedException; HTTP {(int)answer.StatusCode}, page:\n{page}");
return (int)answer.StatusCode == 200 && page.Contains("queue_length 3") ? 0 : 1;
CS
dotnet run
