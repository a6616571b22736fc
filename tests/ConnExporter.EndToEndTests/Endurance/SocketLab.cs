using System.Diagnostics;
using System.Text.Json;
using ConnExporter.EndToEndTests.Operations;
using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>Sockets that come and go in a network of the test's own, for as long as this object lives.</summary>
internal sealed class SocketLab : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Process process;

    private SocketLab(Process process) => this.process = process;

    public int ProcessId => process.Id;

    public static async Task<SocketLab> StartAsync(TestNetwork network, params string[] arguments)
    {
        string[] command = network.Inside(["dotnet", Repository.Lab, .. arguments]);
        var lab = new SocketLab(Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!);
        (await lab.process.StandardOutput.ReadLineAsync().WaitAsync(Patience)).ShouldNotBeNull().ShouldStartWith("ready ");
        return lab;
    }

    /// <summary>A number of what it counts.</summary>
    public async Task<long> NumberAsync(string name)
    {
        await process.StandardInput.WriteLineAsync("count");
        await process.StandardInput.FlushAsync();
        string said = (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience)).ShouldNotBeNull();
        using var document = JsonDocument.Parse(said["done ".Length..]);
        return document.RootElement.GetProperty(name).GetInt64();
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Patience);
        process.Dispose();
    }
}
