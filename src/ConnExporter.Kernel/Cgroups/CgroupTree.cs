using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>
/// The cgroups (version 2) of the host by id, which is the inode number of a cgroup's directory and what sock_diag tells of a socket. Read by a
/// walk over the directories when an id turns up that is not known, and not more often than asked.
/// </summary>
public sealed unsafe class CgroupTree
{
    private const uint StatxInode = 0x100;

    /// <summary>What <c>INET_DIAG_CGROUP_ID</c> says of every socket where version 2 is mounted but not in use: the root.</summary>
    private const ulong Root = 1;

    private readonly ProcFile mountInfo;
    private readonly Dictionary<ulong, string> units = [];
    private bool walked;

    /// <summary>The cgroups as seen by this process; nothing is read yet.</summary>
    /// <param name="proc">The proc file system, whose <c>self/mountinfo</c> tells where version 2 is mounted.</param>
    public CgroupTree(ProcFs proc)
    {
        ArgumentNullException.ThrowIfNull(proc);
        mountInfo = proc.File("self/mountinfo");
    }

    /// <summary>Allows one more walk for ids that are not known.</summary>
    public void BeginRound() => walked = false;

    /// <summary>The unit or container of a cgroup.</summary>
    /// <param name="id">Its id.</param>
    /// <returns><see cref="UnitName.None"/> for the root, for a cgroup that is gone, and where version 2 is not mounted.</returns>
    public string UnitOf(ulong id)
    {
        if (id <= Root)
        {
            return UnitName.None;
        }

        if (!units.TryGetValue(id, out string? unit) && !walked)
        {
            walked = true;
            Walk();
            units.TryGetValue(id, out unit);
        }

        return unit ?? UnitName.None;
    }

    /// <summary>Finds the mount point of version 2. With version 1 beside it that is not where it usually is.</summary>
    /// <param name="mounts">The content of <c>self/mountinfo</c> (proc_pid_mountinfo(5)).</param>
    /// <returns>The path; null where it is not mounted.</returns>
    public static string? FindMount(ReadOnlySpan<byte> mounts)
    {
        var lines = new Lines(mounts);
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            // "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw": fields, optional fields, a dash, the type.
            int dash = line.IndexOf(" - cgroup2 "u8);
            var fields = new Fields(dash < 0 ? default : line[..dash]);
            if (fields.TryNext(out _) && fields.TryNext(out _) && fields.TryNext(out _) && fields.TryNext(out _) && fields.TryNext(out ReadOnlySpan<byte> path))
            {
                return Encoding.UTF8.GetString(path).Replace("\\040", " ", StringComparison.Ordinal);
            }
        }

        return null;
    }

    private void Walk()
    {
        units.Clear();
        if (ReadMount() is not { } root || !Directory.Exists(root))
        {
            return;
        }

        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (string path in Directory.EnumerateDirectories(root, "*", options))
        {
            if (TryGetInode(path, out ulong id))
            {
                units[id] = UnitName.FromPath(Encoding.UTF8.GetBytes(path[root.Length..]));
            }
        }
    }

    private string? ReadMount()
    {
        try
        {
            using (mountInfo)
            {
                return FindMount(mountInfo.Read());
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            return null;
        }
    }

    // A cgroup can be gone by now.
    private static bool TryGetInode(string path, out ulong inode)
    {
        fixed (byte* bytes = Encoding.UTF8.GetBytes(path + '\0'))
        {
            LibC.StatxBuffer status;
            bool found = LibC.Statx(LibC.AtFdCwd, bytes, 0, StatxInode, &status) == 0;
            inode = found ? status.Inode : 0;
            return found;
        }
    }
}
