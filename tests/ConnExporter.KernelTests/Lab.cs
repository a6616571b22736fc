using System.Diagnostics;
using System.Text.Json;
using ConnExporter.SocketLab;

namespace ConnExporter.KernelTests;

/// <summary>A running <c>socket-lab</c>.</summary>
internal sealed class Lab : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(180);
    private readonly Process process;
    private readonly Task<string> errors;
    private readonly long ready;

    public Lab(NetworkNamespace network, params IEnumerable<string> arguments)
        : this(network.Start("dotnet", [Places.Lab, .. arguments]))
    {
    }

    /// <summary>Starts it in a cgroup.</summary>
    public Lab(NetworkNamespace network, TestCgroup cgroup, params IEnumerable<string> arguments)
        : this(cgroup.Start(network, "dotnet", [Places.Lab, .. arguments]))
    {
    }

    /// <summary>A lab that was started otherwise.</summary>
    public Lab(Process process)
    {
        this.process = process;
        errors = process.StandardError.ReadToEndAsync();
        Json = Expect("ready ");
        ready = Stopwatch.GetTimestamp();
    }

    /// <summary>The process, where whatever started it has become the lab.</summary>
    public int ProcessId => process.Id;

    /// <summary>What it said when all was in place.</summary>
    public string Json { get; }

    /// <summary>That as counts.</summary>
    public Expectation Expected => Expectation.Parse(Json);

    /// <summary>How long what it said still holds.</summary>
    public TimeSpan Left => TimeSpan.FromMilliseconds(Expected.ValidMilliseconds) - Stopwatch.GetElapsedTime(ready);

    /// <summary>A number of what it said.</summary>
    public int Number(string name) => Number(Json, name);

    /// <summary>Has it do something.</summary>
    /// <returns>How things are then.</returns>
    public string Command(string line)
    {
        process.StandardInput.WriteLine(line);
        process.StandardInput.Flush();
        return Expect("done ");
    }

    public static int Number(string json, string name)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty(name).GetInt32();
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private string Expect(string prefix)
    {
        Task<string?> reading = process.StandardOutput.ReadLineAsync();
        if (reading.Wait(Patience) && reading.Result?.StartsWith(prefix, StringComparison.Ordinal) == true)
        {
            return reading.Result[prefix.Length..];
        }

        string said = reading.IsCompleted ? reading.Result ?? "nothing" : "nothing in time";
        process.Kill(entireProcessTree: true);
        throw new InvalidOperationException($"socket-lab said {said}; {errors.GetAwaiter().GetResult()}");
    }
}
