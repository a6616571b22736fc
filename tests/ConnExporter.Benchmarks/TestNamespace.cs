using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ConnExporter.Kernel.Namespaces;

namespace ConnExporter.Benchmarks;

/// <summary>A network namespace of the benchmark's own, with loopback up. Nothing outside it is touched.</summary>
internal sealed class TestNamespace : IDisposable
{
    private static int made;
    private readonly string name = $"conn-bench-{Environment.ProcessId}-{Interlocked.Increment(ref made)}";
    private readonly NamespaceThread thread = new("/proc/self/ns/net");
    private readonly ulong inode;
    private readonly PosixSignalRegistration[] ends;

    public TestNamespace()
    {
        Command.RunToEnd("ip", "netns", "add", name);

        // Ctrl-C in the middle of an hour is an everyday matter: nothing of it stays on the host.
        ends = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => Delete()))];
        Command.RunToEnd("ip", "-n", name, "link", "set", "lo", "up");
        inode = ulong.Parse(Command.RunToEnd("stat", "-L", "-c", "%i", Path), CultureInfo.InvariantCulture);
    }

    private string Path => $"/run/netns/{name}";

    /// <summary>Works on a thread that is inside: the sockets it makes and the processes it starts are there too.</summary>
    public T Inside<T>(Func<T> work)
    {
        T? result = default;
        lock (thread)
        {
            thread.Run(Path, inode, () => result = work());
        }

        return result!;
    }

    /// <summary>Starts a program inside.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="keepOutput">Whether standard output is for the caller to read; otherwise it is thrown away.</param>
    public Process Start(string program, IEnumerable<string> arguments, bool keepOutput = false)
    {
        // The shell's exec keeps the process id and sends what is not read to nowhere: a full pipe would stop the program.
        string redirect = keepOutput ? "" : " >/dev/null";
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"exec \"$@\"{redirect} 2>/dev/null", "sh", program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = keepOutput,
        };
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["MALLOC_ARENA_MAX"] = "1";
        return Inside(() => Process.Start(start)) ?? throw new BenchmarkException($"{program} cannot be started");
    }

    public void Dispose()
    {
        Array.ForEach(ends, end => end.Dispose());
        thread.Dispose();
        Delete();
    }

    private void Delete() => Command.RunToEnd("ip", "netns", "del", name);
}
