using System.Globalization;

// One at a time, although most only wait, each in namespaces of its own: what a test does to the host's processes and descriptors shows in the diagnosis of another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace ConnExporter.KernelTests;

/// <summary>A test on the real kernel; where a capability or a tool is missing it is skipped and says which.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelFactAttribute : FactAttribute
{
    /// <summary>Needs the capabilities to make a network namespace, and <c>ip</c> besides the given tools.</summary>
    public KernelFactAttribute(params string[] tools) => Skip = Needs.Missing(["ip", .. tools]);
}

/// <summary>The same for a test with cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelTheoryAttribute : TheoryAttribute
{
    /// <summary>Needs what <see cref="KernelFactAttribute"/> needs.</summary>
    public KernelTheoryAttribute(params string[] tools) => Skip = Needs.Missing(["ip", .. tools]);
}

/// <summary>A test that makes a cgroup (version 2) besides.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CgroupFactAttribute : FactAttribute
{
    /// <summary>Needs what <see cref="KernelFactAttribute"/> needs, and a place for a cgroup.</summary>
    public CgroupFactAttribute(params string[] tools) => Skip = Needs.Missing(["ip", .. tools]) ?? TestCgroup.Missing();
}

/// <summary>A test that makes an io_uring instance, which lists its files (Linux 6.x).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UringFactAttribute : FactAttribute
{
    /// <summary>Needs what <see cref="KernelFactAttribute"/> needs, and io_uring for root.</summary>
    public UringFactAttribute(params string[] tools) => Skip = Needs.Missing(["ip", .. tools])
        ?? (Environment.OSVersion.Version.Major < 6 ? "Linux before 6 does not list the files of an io_uring instance" : null)
        ?? (File.Exists("/proc/sys/kernel/io_uring_disabled") && File.ReadAllText("/proc/sys/kernel/io_uring_disabled").Trim() != "2" ? null : "io_uring is not here or switched off");
}

/// <summary>The same for a test with cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CgroupTheoryAttribute : TheoryAttribute
{
    /// <summary>Needs what <see cref="CgroupFactAttribute"/> needs.</summary>
    public CgroupTheoryAttribute(params string[] tools) => Skip = Needs.Missing(["ip", .. tools]) ?? TestCgroup.Missing();
}

/// <summary>What this machine must have.</summary>
internal static class Needs
{
    private const int NetAdmin = 12;
    private const int NetRaw = 13;
    private const int SysAdmin = 21;

    /// <summary>What is missing here for a namespace of a test's own, or null.</summary>
    public static string? Missing(params ReadOnlySpan<string> tools)
    {
        if (MissingTool(tools) is { } tool)
        {
            return tool;
        }

        foreach ((int capability, string name) in (ReadOnlySpan<(int, string)>)[(SysAdmin, "CAP_SYS_ADMIN"), (NetAdmin, "CAP_NET_ADMIN"), (NetRaw, "CAP_NET_RAW")])
        {
            if ((Capabilities() >> capability & 1) == 0)
            {
                return $"needs {name} for a network namespace of its own; run as root";
            }
        }

        return null;
    }

    /// <summary>Which of the tools is not installed, or null.</summary>
    public static string? MissingTool(params ReadOnlySpan<string> tools)
    {
        if (!OperatingSystem.IsLinux())
        {
            return "needs Linux";
        }

        foreach (string tool in tools)
        {
            if (Find(tool) is null)
            {
                return $"needs {tool}, which is not installed";
            }
        }

        return null;
    }

    /// <summary>Where a tool is, or null.</summary>
    public static string? Find(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin").Split(':').Select(folder => Path.Join(folder, tool)).FirstOrDefault(File.Exists);

    private static ulong Capabilities()
    {
        const string Name = "CapEff:";
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(Name, StringComparison.Ordinal));
        return ulong.Parse(line.AsSpan(Name.Length).Trim(), NumberStyles.HexNumber);
    }
}
