using System.Diagnostics;

namespace ConnExporter.Benchmarks;

/// <summary>Sockets or descriptors that the lab makes and holds until it is disposed.</summary>
internal sealed class Load : IDisposable
{
    private readonly Process lab;

    private Load(Process lab) => this.lab = lab;

    /// <summary>ESTABLISHED sockets, as many as memory permits.</summary>
    public static Load Sockets(TestNamespace place, int count, int peers = 1) => Start(place, "repair", "--count", $"{count}", "--peers", $"{peers}");

    /// <summary>ESTABLISHED sockets towards one address, from as many ports of one other.</summary>
    public static Load Destination(TestNamespace place, int count, string address) => Start(place, "repair", "--count", $"{count}", "--peer-base", address);

    /// <summary>Sockets that nobody closes although their peers have.</summary>
    public static Load CloseWait(TestNamespace place, int count) => Start(place, "mix", "--close-wait", $"{count}", "--families", "v4");

    public static Load Listeners(TestNamespace place, int count) => Start(place, "mix", "--listen", $"{count}", "--families", "v4");

    /// <summary>Connections that come and go, each leaving a TIME_WAIT behind.</summary>
    public static Load Churn(TestNamespace place, int rate) => Start(place, "churn", "--rate", $"{rate}");

    public static Load Descriptors(TestNamespace place, int processes, int each) => Start(place, "descriptors", "--processes", $"{processes}", "--each", $"{each}");

    private static Load Start(TestNamespace place, params string[] arguments)
    {
        Process started = place.Start(Places.SocketLab, arguments, keepOutput: true);
        string? line = started.StandardOutput.ReadLine();
        return line?.StartsWith("ready", StringComparison.Ordinal) == true
            ? new Load(started)
            : throw new BenchmarkException($"socket-lab {string.Join(' ', arguments)}: {line ?? "ended early"}");
    }

    public void Dispose()
    {
        lab.StandardInput.Close();
        lab.WaitForExit();
        lab.Dispose();
    }
}
