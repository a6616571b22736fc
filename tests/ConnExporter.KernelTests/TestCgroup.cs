using System.Diagnostics;
using System.Globalization;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.KernelTests;

/// <summary>A cgroup (version 2) of a test's own, removed when its processes have ended.</summary>
internal sealed class TestCgroup : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // Runs side by side may have the same process id, each in a namespace of its own.
    private static readonly string Run = Guid.NewGuid().ToString("N")[..8];
    private static int made;

    private readonly List<string> directories = [];

    /// <summary>Makes it, and those above it that are missing.</summary>
    /// <param name="form">Its path, with <c>{0}</c> for a word that no other has.</param>
    public TestCgroup(string form = "{0}")
    {
        Word = string.Create(CultureInfo.InvariantCulture, $"conn-test-{Run}-{Interlocked.Increment(ref made)}");
        string path = form.Replace("{0}", Word, StringComparison.Ordinal);
        Name = path[(path.LastIndexOf('/') + 1)..];
        Path = MountPoint() ?? throw new InvalidOperationException("cgroup2 is not mounted");
        foreach (string part in path.Split('/'))
        {
            Path = System.IO.Path.Join(Path, part);
            if (!Directory.Exists(Path))
            {
                Directory.CreateDirectory(Path);
                directories.Insert(0, Path);
            }
        }
    }

    /// <summary>What no other path has.</summary>
    public string Word { get; }

    /// <summary>The last part of its path.</summary>
    public string Name { get; }

    public string Path { get; }

    /// <summary>Why no cgroup can be made here, or null.</summary>
    public static string? Missing()
    {
        try
        {
            using var cgroup = new TestCgroup();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return $"needs a cgroup of its own: {e.Message}";
        }
    }

    /// <summary>Starts a program in it, and in a network namespace.</summary>
    /// <remarks>In this order: in a namespace of "ip netns" another /sys is mounted, without cgroups.</remarks>
    public Process Start(NetworkNamespace network, string program, params IEnumerable<string> arguments) =>
        Tool.Start("sh", ["-c", "echo $$ >\"$0\"/cgroup.procs && exec nsenter \"$@\"", Path, $"--net=/run/netns/{network.Name}", "--", program, .. arguments]);

    public void Dispose() => Poll.Until(
        () =>
        {
            try
            {
                foreach (string directory in directories.Where(Directory.Exists))
                {
                    Directory.Delete(directory);
                }

                return true;
            }
            catch (IOException)
            {
                // Its processes are still ending.
                return false;
            }
        },
        gone => gone,
        $"removing {Path}",
        Patience);

    private static string? MountPoint() => OperatingSystem.IsLinux() ? MountInfo.FindMount("/proc/self/mountinfo", File.ReadAllBytes("/proc/self/mountinfo"), "cgroup2"u8, "/sys") : null;
}
