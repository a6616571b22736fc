using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ConnExporter.KernelTests;

/// <summary>A network namespace of a test's own, with lo and a device that swallows packets; deleted with all that is in it.</summary>
internal sealed partial class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private const string Prefix = "conn-exporter-test-";
    private static readonly Lazy<bool> Leftovers = new(DeleteLeftovers);
    private static int made;

    public NetworkNamespace()
    {
        _ = Leftovers.Value;
        Name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref made)}");
        Tool.Run(Patience, "ip", "netns", "add", Name);
        try
        {
            Ip("link", "set", "lo", "up");
            AddSwallowingDevice();
            Ip("addr", "add", "10.99.0.1/24", "dev", "dummy0");
            Ip("addr", "add", "fd99::1/64", "dev", "dummy0", "nodad");
            Ip("link", "set", "dummy0", "up");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Name { get; }

    /// <summary>Starts a program in it.</summary>
    public Process Start(string program, params IEnumerable<string> arguments) => Tool.Start("nsenter", [$"--net=/run/netns/{Name}", "--", program, .. arguments]);

    /// <summary>Runs a program in it.</summary>
    public string Run(string program, params IEnumerable<string> arguments) => Tool.Run(Patience, "nsenter", [$"--net=/run/netns/{Name}", "--", program, .. arguments]);

    /// <summary>Runs the program under test in here.</summary>
    public string RunProgram(params IEnumerable<string> arguments) => Run(Places.Program[0], [.. Places.Program[1..], .. arguments]);

    /// <summary>Sets a sysctl of its own.</summary>
    public void Set(string path, string value) => Run("/bin/sh", "-c", $"echo '{value}' >/proc/sys/{path}");

    /// <summary>One page of the daemon, by its verb <c>metrics</c>.</summary>
    public MetricsText Page() => new(RunProgram("metrics"));

    /// <summary>Runs on a thread in it. Sockets opened there stay in it.</summary>
    public T Inside<T>(Func<T> work)
    {
        T result = default!;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using SafeFileHandle file = File.OpenHandle("/run/netns/" + Name);
                if (SetNamespace((int)file.DangerousGetHandle(), CloneNewNet) != 0)
                {
                    throw new InvalidOperationException($"setns: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                result = work();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result : throw new InvalidOperationException($"in the namespace: {failure.Message}", failure);
    }

    /// <summary>A file of its /proc/net.</summary>
    public string ReadNet(string name) => Inside(() => File.ReadAllText("/proc/thread-self/net/" + name));

    /// <summary>A value of its /proc/net/netstat.</summary>
    public long Counter(string name)
    {
        string[] lines = ReadNet("netstat").Split('\n');
        int header = Array.FindIndex(lines, line => line.StartsWith("TcpExt:", StringComparison.Ordinal));
        return long.Parse(lines[header + 1].Split(' ')[Array.IndexOf(lines[header].Split(' '), name)]);
    }

    public void Dispose() => Tool.Run(Patience, "ip", "netns", "delete", Name);

    // Of runs that were killed: their names carry the id of a process that is no more.
    private static bool DeleteLeftovers()
    {
        foreach (string line in Tool.Run(Patience, "ip", "netns", "list").Split('\n'))
        {
            string name = line.Split(' ')[0];
            if (name.StartsWith(Prefix, StringComparison.Ordinal) && !Directory.Exists("/proc/" + name[Prefix.Length..].Split('-')[0]))
            {
                Tool.Run(Patience, "ip", "netns", "delete", name);
            }
        }

        return true;
    }

    private void Ip(params IEnumerable<string> arguments) => Tool.Run(Patience, "ip", ["-n", Name, .. arguments]);

    // Not every kernel has the dummy driver. An ifb device drops what comes to it just the same.
    private void AddSwallowingDevice()
    {
        try
        {
            Ip("link", "add", "dummy0", "type", "dummy");
        }
        catch (InvalidOperationException)
        {
            Ip("link", "add", "dummy0", "type", "ifb");
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int descriptor, int type);
}
