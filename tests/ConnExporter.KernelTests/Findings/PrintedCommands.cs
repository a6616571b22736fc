using System.Diagnostics;
using System.Text.Json;

namespace ConnExporter.KernelTests.Findings;

#pragma warning disable CA1416 // Tests of a program for Linux.

/// <summary>The commands that remedies print, run as they are printed, by root in a network namespace, one after the other. What speaks to a service manager meets a stub that writes down how it was called.</summary>
internal sealed class PrintedCommands : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly NetworkNamespace network;
    private readonly string stubs = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;

    public PrintedCommands(NetworkNamespace network)
    {
        this.network = network;
        string stub = Path.Join(stubs, "systemctl");
        File.WriteAllText(stub, $"#!/bin/sh\necho \"$*\" >>'{stubs}/calls'\n");
        File.SetUnixFileMode(stub, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    /// <summary>How the service manager was called.</summary>
    public string[] ServiceManagerCalls => File.Exists(Path.Join(stubs, "calls")) ? File.ReadAllLines(Path.Join(stubs, "calls")) : [];

    public void Dispose() => Directory.Delete(stubs, recursive: true);

    /// <summary>Runs those of a finding, or of some of its remedies.</summary>
    /// <returns>The commands.</returns>
    public string[] Run(Diagnosis seen, string finding, params string[] remedies)
    {
        string[] commands = [.. RemediesOf(seen, finding).Where(remedy => remedies.Length == 0 || remedies.Contains(remedy.GetProperty("remedy").GetString()))
            .SelectMany(remedy => remedy.GetProperty("commands").EnumerateArray()).Select(command => command.GetString()!)];
        commands.ShouldNotBeEmpty();
        foreach (string command in commands)
        {
            using Process process = network.Start("env", "-C", stubs, $"HOME={stubs}", $"PATH={stubs}:{Environment.GetEnvironmentVariable("PATH")}", "sh", "-c", command);
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit(Patience).ShouldBeTrue(command);
            process.ExitCode.ShouldBe(0, $"{command}: {errors}{output.Result}");
        }

        return commands;
    }

    /// <summary>The keys of the remedies of a finding, in their order.</summary>
    public static string[] KeysOf(Diagnosis seen, string finding) => [.. RemediesOf(seen, finding).Select(remedy => remedy.GetProperty("remedy").GetString()!)];

    /// <summary>What a remedy says that it does.</summary>
    public static string EffectOf(Diagnosis seen, string finding, string key) => RemediesOf(seen, finding).First(remedy => remedy.GetProperty("remedy").GetString() == key).GetProperty("effect").GetString()!;

    /// <summary>What is named as the cause of a finding; null where nothing is.</summary>
    public static string? CauseOf(Diagnosis seen, string finding) => FindingOf(seen, finding).GetProperty("caused_by").GetString();

    private static JsonElement.ArrayEnumerator RemediesOf(Diagnosis seen, string finding) => FindingOf(seen, finding).GetProperty("remedies").EnumerateArray();

    private static JsonElement FindingOf(Diagnosis seen, string finding)
    {
        using var document = JsonDocument.Parse(seen.ToString());
        return document.RootElement.GetProperty("findings").EnumerateArray().First(found => found.GetProperty("finding").GetString() == finding && found.GetProperty("netns").GetString() == "self").Clone();
    }
}
