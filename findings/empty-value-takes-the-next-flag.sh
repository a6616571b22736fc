#!/bin/bash
# System.CommandLine 3.0.0 (NuGet) on .NET 10.
#
# '--path=' says in every shell and every other parser that the value is empty. Here it says nothing: the next argument becomes the value, even where
# it is a flag that the program knows. That flag is lost, and there is no error.
#
# Seen: two options, '--path= --off'; path is "--off", off is not set, no errors. '--path ""' gives the empty value.
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
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="System.CommandLine" Version="[3.0.0]" />
  </ItemGroup>
</Project>
XML
cat >Program.cs <<'CS'
using System.CommandLine;

var path = new Option<string>("--path");
var off = new Option<bool>("--off");
var root = new RootCommand { path, off };
ParseResult parsed = root.Parse(["--path=", "--off"]);
Console.WriteLine($"--path= --off: path '{parsed.GetValue(path)}', off {parsed.GetValue(off)}, errors {parsed.Errors.Count}");
ParseResult apart = root.Parse(["--path", "", "--off"]);
Console.WriteLine($"--path '' --off: path '{apart.GetValue(path)}', off {apart.GetValue(off)}, errors {apart.Errors.Count}");
return parsed.GetValue(path) == "--off" && !parsed.GetValue(off) && parsed.Errors.Count == 0 ? 0 : 1;
CS
dotnet run
