using System.Runtime.InteropServices;
using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Kernel.Cgroups;

/// <summary>A cgroup of version 2.</summary>
/// <param name="Id">The inode number of its directory, which is what <c>INET_DIAG_CGROUP_ID</c> gives of a socket.</param>
/// <param name="Path">The path below the mount point, such as <c>/system.slice/nginx.service</c>.</param>
/// <param name="Unit">Its unit or container, see <see cref="UnitName.FromPath"/>.</param>
public sealed record Cgroup(ulong Id, string Path, string Unit);

/// <summary>
/// The cgroups (version 2) of this host by the id that sockets carry. The directories are walked when an id turns up that is not known, at
/// most once a round; what was found stays known after its directory is gone, as its sockets still have the id. A walk that did not get everywhere is no
/// proof that an id is gone: another follows, the sooner the fewer have failed in a row. For one thread at a time.
/// </summary>
/// <remarks>
/// An id is given once and never again (kernel/cgroup/cgroup.c, kernfs generation numbers), so an id that a walk did not find is not looked
/// for a second time: its directory was removed before. Sockets keep the cgroup they were made in (kernel-facts §6).
/// </remarks>
public sealed unsafe class CgroupTree : IDisposable
{
    /// <summary>The id of the root: what every socket has where version 2 is mounted but not in use.</summary>
    public const ulong RootId = 1;

    private const int Bound = 65_536;

    // Rounds between two walks where each fails, at most: some directories may never be read.
    private const int LongestPause = 16;
    private const int ListBuffer = 32 * 1024;
    private const byte TypeUnknown = 0;
    private const byte TypeDirectory = 4;
    private const uint StatxInode = 0x100;
    private const string ProcessesFile = "/cgroup.procs";

    private readonly ProcFile mountInfo;
    private readonly string sysRoot;
    private readonly PodNames? pods;
    private readonly Dictionary<ulong, Cgroup?> byId = [];
    private readonly Stack<Cgroup> pending = new();
    private readonly DirectoryEntries entries = new(ListBuffer);
    private readonly byte[] pathBytes = new byte[8192];
    private readonly byte[] content = GC.AllocateUninitializedArray<byte>(ListBuffer, pinned: true);
    private bool walked;
    private bool complete;
    private int failures;
    private int pause;
    private int foundLate;

    /// <summary>A tree that is not read yet.</summary>
    /// <param name="proc">The proc file system; its <c>self/mountinfo</c> says where the tree is.</param>
    /// <param name="sysRoot">Where sysfs is mounted: a mount below it goes before others.</param>
    /// <param name="pods">Names containers of Kubernetes pods; null to name them by what the path says.</param>
    public CgroupTree(ProcFs proc, string sysRoot = "/sys", PodNames? pods = null)
    {
        ArgumentNullException.ThrowIfNull(proc);
        this.sysRoot = sysRoot;
        this.pods = pods;
        mountInfo = proc.File("self/mountinfo");
    }

    /// <summary>Where version 2 is mounted (<c>/sys/fs/cgroup</c>, or <c>unified</c> below it); null where it is not, and before the first walk.</summary>
    public string? MountPoint { get; private set; }

    /// <summary>Directory walks so far.</summary>
    public int Walks { get; private set; }

    /// <summary>Whether an id tells sockets apart. It does not on a host that uses version 1 only: there all ids are 1, or there are none.</summary>
    /// <param name="id">The id of a socket; 0 where it has none.</param>
    public static bool Tells(ulong id) => id > RootId;

    /// <summary>Allows one more walk. To be called after the dump that the ids to be found are from: then an id that a walk does not find is gone.</summary>
    public void BeginRound()
    {
        walked = pause > 0;
        pause = Math.Max(0, pause - 1);
        complete = false;
        if (!walked && pods is not null && pods.FoundLate() is var late && late != foundLate)
        {
            // Of some it is known only now what they are called.
            foundLate = late;
            byId.Clear();
        }
    }

    /// <summary>Finds a cgroup by id; walks the tree if that is due.</summary>
    /// <param name="id">The id of a socket.</param>
    /// <returns>The cgroup; null where it is gone, or where version 2 is not mounted.</returns>
    public Cgroup? Find(ulong id)
    {
        if (id == 0)
        {
            return null;
        }

        if (byId.TryGetValue(id, out Cgroup? cgroup))
        {
            return cgroup;
        }

        if (!walked)
        {
            walked = true;
            complete = true;
            Walk();
            failures = complete ? 0 : failures + 1;
            pause = failures < 2 ? 0 : Math.Min(1 << (failures - 2), LongestPause);
        }

        if (!byId.TryGetValue(id, out cgroup) && complete && MountPoint is not null && byId.Count < Bound)
        {
            byId.Add(id, null);
        }

        return cgroup;
    }

    /// <summary>Reads the processes of a cgroup, without those of the cgroups below it.</summary>
    /// <param name="cgroup">The cgroup.</param>
    /// <param name="pids">Takes the process ids.</param>
    /// <returns>How many there are in <paramref name="pids"/>; 0 where it is gone or cannot be read (a threaded cgroup).</returns>
    public int ReadProcesses(Cgroup cgroup, Span<int> pids)
    {
        ArgumentNullException.ThrowIfNull(cgroup);
        if (MountPoint is null)
        {
            return 0;
        }

        using DescriptorHandle? file = Open(cgroup.Path == "/" ? ProcessesFile : cgroup.Path + ProcessesFile, 0);
        if (file is null)
        {
            return 0;
        }

        int length = 0;
        int got;
        fixed (byte* bytes = content)
        {
            while (length < content.Length && (got = (int)LibC.Read(file.Value, bytes + length, content.Length - length)) > 0)
            {
                length += got;
            }
        }

        int count = 0;
        var lines = new Lines(content.AsSpan(0, content.AsSpan(0, length).LastIndexOf((byte)'\n') + 1));
        while (count < pids.Length && lines.TryNext(out ReadOnlySpan<byte> line))
        {
            // 0 stands for a process of an outer pid namespace.
            if (Fields.TryNumber(line, out ulong pid) && pid is > 0 and <= int.MaxValue)
            {
                pids[count++] = (int)pid;
            }
        }

        return count;
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose() => mountInfo.Dispose();

    private void Walk()
    {
        Walks++;
        MountPoint = FindMountPoint();
        if (MountPoint is null)
        {
            return;
        }

        if (byId.Count >= Bound)
        {
            // Mostly cgroups that are gone.
            byId.Clear();
        }

        using (DescriptorHandle? root = Open("/", LibC.DirectoryFlag))
        {
            LibC.StatxBuffer status;
            byte empty = 0;
            if (root is null || LibC.Statx(root.Value, &empty, LibC.AtEmptyPath, StatxInode, &status) != 0)
            {
                complete = false;
                return;
            }

            if (!byId.TryGetValue(status.Inode, out Cgroup? known) || known is null)
            {
                known = new Cgroup(status.Inode, "/", UnitName.None);
                byId[status.Inode] = known;
            }

            pending.Push(known);
        }

        while (pending.TryPop(out Cgroup? parent))
        {
            using DescriptorHandle? directory = Open(parent.Path, LibC.DirectoryFlag);
            if (directory is not null)
            {
                List(parent, directory);
            }
            else if (Marshal.GetLastPInvokeError() is not Errno.NoEntry || parent.Path.Contains('\ufffd', StringComparison.Ordinal))
            {
                // ENOENT: removed meanwhile. Anything else (no descriptors left, no permission, a name that is no UTF-8) hides what is below it.
                complete = false;
            }
        }
    }

    private void List(Cgroup parent, DescriptorHandle directory)
    {
        entries.Clear();
        try
        {
            while (entries.TryNext(directory.Value, out DirectoryEntry entry))
            {
                if (entry.Type is not (TypeDirectory or TypeUnknown))
                {
                    continue;
                }

                if (!byId.TryGetValue(entry.Inode, out Cgroup? cgroup) || cgroup is null)
                {
                    if (byId.Count >= Bound)
                    {
                        complete = false;
                        return;
                    }

                    string name = Utf8Text.Of(entry.Name);
                    string path = parent.Path == "/" ? "/" + name : $"{parent.Path}/{name}";
                    cgroup = new Cgroup(entry.Inode, path, UnitName.FromPath(Encoding.UTF8.GetBytes(path), pods));
                    byId[entry.Inode] = cgroup;
                }

                pending.Push(cgroup);
            }
        }
        catch (KernelReadException e)
        {
            // Absent: removed meanwhile.
            complete &= e.Kind == FailureKind.Absent;
        }
    }

    private string? FindMountPoint()
    {
        try
        {
            string? found = MountInfo.FindMount(mountInfo.Path, mountInfo.Read(), "cgroup2"u8, sysRoot);
            return found == "/" ? string.Empty : found;
        }
        catch (KernelReadException)
        {
            complete = false;
            return null;
        }
    }

    private DescriptorHandle? Open(string path, int flags)
    {
        if (!Encoding.UTF8.TryGetBytes(MountPoint + path, pathBytes.AsSpan(..^1), out int length))
        {
            Marshal.SetLastPInvokeError(Errno.NameTooLong);
            return null;
        }

        pathBytes[length] = 0;
        fixed (byte* bytes = pathBytes)
        {
            int descriptor = LibC.OpenAt(LibC.AtFdCwd, bytes, LibC.OpenReadOnly | LibC.OpenCloseOnExec | flags);
            return descriptor >= 0 ? new DescriptorHandle(descriptor) : null;
        }
    }
}
