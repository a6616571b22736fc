using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>Where the cgroup paths that we see begin (cgroup_namespaces(7)).</summary>
public static class CgroupNamespace
{
    // PROC_CGROUP_INIT_INO (include/linux/proc_ns.h): the one that the kernel starts with.
    private const ulong Initial = 0xEFFF_FFFB;

    /// <summary>Whether the first unit of a path is one of the system manager that runs here, which is whom <c>systemctl</c> asks.</summary>
    /// <param name="processes">The proc file system.</param>
    /// <returns>
    /// True in the first namespace, before Linux 4.6, and in a container whose process 1 is a manager at the root of what we see; false in any other
    /// namespace, and where it cannot be told: there the same path may be of another manager.
    /// </returns>
    public static bool IsOfSystemManager(ProcessTable processes)
    {
        ArgumentNullException.ThrowIfNull(processes);
        return processes.ReadInode("self/ns/cgroup\0"u8, out ulong inode) switch
        {
            ProcessAccess.Ok when inode == Initial => true,
            ProcessAccess.Gone => true,
            _ => processes.ReadFile(1, "cgroup"u8, out ReadOnlySpan<byte> cgroup) == ProcessAccess.Ok && UnitName.FromProcessFile(cgroup) == "init.scope",
        };
    }

    /// <summary>
    /// How many <c>..</c> lead from the root of our cgroup namespace to the root of the system manager's tree: process 1 of a host is in <c>/init.scope</c>,
    /// which a pod with hostPID sees as <c>/../../../../init.scope</c>.
    /// </summary>
    /// <param name="processes">The proc file system.</param>
    /// <returns>0 where our paths begin there, and where process 1 does not tell.</returns>
    public static int LevelsAbove(ProcessTable processes)
    {
        ArgumentNullException.ThrowIfNull(processes);
        try
        {
            return processes.ReadFile(1, "cgroup"u8, out ReadOnlySpan<byte> cgroup) == ProcessAccess.Ok ? LevelsAbove(cgroup) : 0;
        }
        catch (KernelReadException)
        {
            // As where it is hidden: then names keep what tells that they may be another manager's.
            return 0;
        }
    }

    /// <summary>As <see cref="LevelsAbove(ProcessTable)"/>, from what process 1's file says.</summary>
    /// <param name="text">The whole file.</param>
    internal static int LevelsAbove(ReadOnlySpan<byte> text)
    {
        var lines = new Lines(text);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            int start = line.IndexOf(":/"u8);
            ReadOnlySpan<byte> path = start < 0 ? default : line[(start + 1)..];
            int levels = UnitName.LevelsAbove(path);
            if (levels > 0 && path[(3 * levels)..].SequenceEqual("/init.scope"u8))
            {
                return levels;
            }
        }

        return 0;
    }
}
