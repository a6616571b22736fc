using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Kernel.Namespaces;

/// <summary>
/// The network namespaces of the host besides our own: those that processes are in, and those that a mount keeps. Names stay while what
/// they come from stays. For one thread at a time.
/// </summary>
/// <remarks>
/// Processes are told apart by the inode of their <c>net/sockstat</c>: each namespace has files of its own there, and unlike
/// <c>/proc/PID/ns/net</c>, which wants ptrace rights, anybody may look at them (fs/proc/proc_net.c:proc_tgid_net_lookup).
/// </remarks>
public sealed class NamespaceTable : IDisposable
{
    // Processes of a namespace that are looked at to tell whose it is.
    private const int Described = 32;

    // What we call our own, and what is the whole host's: a container of that name is told from them by its number.
    private static readonly string[] Reserved = [KernelSource.OwnNamespace, "host"];

    private readonly ProcFs proc;
    private readonly PodNames? pods;
    private readonly ProcessTable processes;
    private readonly LineFile mountInfo;
    private readonly Dictionary<ulong, Inhabited> inhabited = [];
    private readonly Dictionary<ulong, Naming> names = [];
    private uint round;
    private int? levelsAbove;

    /// <summary>The namespaces below a proc file system; nothing is opened yet.</summary>
    /// <param name="proc">The proc file system.</param>
    /// <param name="pods">Names containers of Kubernetes pods; null to name them by what their cgroup says.</param>
    public NamespaceTable(ProcFs proc, PodNames? pods = null)
    {
        ArgumentNullException.ThrowIfNull(proc);
        this.proc = proc;
        this.pods = pods;
        processes = new ProcessTable(proc);
        mountInfo = new LineFile(proc.PathOf("self/mountinfo"));
    }

    /// <summary>Looks at every process and every mount once.</summary>
    /// <returns>Each namespace once. One whose process may not be looked at and that has a mount as well is there twice: nothing tells that they are the same.</returns>
    /// <exception cref="KernelReadException">Our own namespace or the list of processes cannot be read.</exception>
    public IReadOnlyList<NamespaceEntry> Find()
    {
        round++;
        LookAtProcesses();
        if (processes.ReadInode("self/ns/net\0"u8, out ulong own) != ProcessAccess.Ok)
        {
            own = 0;
        }

        var found = new Dictionary<ulong, Found>();
        foreach ((ulong net, Inhabited place) in inhabited)
        {
            // A process may have moved since: into ours, or into one that is known by another process.
            switch (processes.ReadInode(place.ProcessId, "ns/net"u8, out ulong inode))
            {
                case ProcessAccess.Ok when inode != own:
                    found.TryAdd(inode, new Found(inode, place.ProcessId, proc.PathOf($"{place.ProcessId}/ns/net")));
                    break;
                case ProcessAccess.Denied when processes.ReadInode(place.ProcessId, "net/sockstat"u8, out ulong still) == ProcessAccess.Ok && still == net:
                    // Looked at twice: of a process that has just ended the kernel says the same (fs/proc/namespaces.c:proc_ns_get_link).
                    found.TryAdd(net, new Found(net, place.ProcessId, Path: null));
                    break;
            }
        }

        LookAtMounts(found, own);
        return Name(found.Values);
    }

    /// <summary>Closes what it keeps open.</summary>
    public void Dispose()
    {
        processes.Dispose();
        mountInfo.Dispose();
    }

    private void LookAtProcesses()
    {
        processes.Rewind();
        if (processes.ReadInode("net/sockstat\0"u8, out ulong own) != ProcessAccess.Ok)
        {
            throw new KernelReadException(FailureKind.Absent, "absent", $"{proc.PathOf("net/sockstat")}: our own network namespace cannot be seen");
        }

        while (processes.TryNext(out int pid))
        {
            if (processes.ReadInode(pid, "net/sockstat"u8, out ulong net) != ProcessAccess.Ok || net == own)
            {
                continue;
            }

            if (!inhabited.TryGetValue(net, out Inhabited? place))
            {
                place = new Inhabited { ProcessId = pid };
                inhabited.Add(net, place);
            }

            // Pids come in ascending order. The process that was chosen once stays chosen: after pids have wrapped the lowest need not be the first.
            place.Count = place.Round == round ? place.Count + 1 : 1;
            if (place.Round != round)
            {
                place.Pids.Clear();
            }

            if (place.Pids.Count < Described)
            {
                place.Pids.Add(pid);
            }

            place.Replacement = place.Round == round ? place.Replacement : pid;
            place.IsThere = (place.Round == round && place.IsThere) || pid == place.ProcessId;
            place.Round = round;
        }

        foreach ((ulong net, Inhabited place) in inhabited)
        {
            if (place.Round != round)
            {
                inhabited.Remove(net);
            }
            else if (!place.IsThere)
            {
                place.ProcessId = place.Replacement;
            }
        }
    }

    private void LookAtMounts(Dictionary<ulong, Found> found, ulong own)
    {
        try
        {
            mountInfo.Rewind();
            while (mountInfo.TryNextLine(out ReadOnlySpan<byte> line))
            {
                if (!NamespaceMount.TryParse(mountInfo.Path, line, out NamespaceMount mount) || mount.Inode == own)
                {
                    continue;
                }

                if (!found.TryGetValue(mount.Inode, out Found? entry))
                {
                    entry = new Found(mount.Inode, ProcessId: 0, Path: null);
                    found.Add(mount.Inode, entry);
                }

                // The mount needs no ptrace rights and outlives the process.
                if (entry.MountName is null)
                {
                    entry.Path = mount.MountPoint;
                    entry.RawPath = mount.RawMountPoint;
                }

                entry.MountName ??= mount.Name;
            }
        }
        catch (KernelReadException e) when (e.Kind is FailureKind.Absent or FailureKind.Denied)
        {
            // Then there are those of processes.
        }
        finally
        {
            mountInfo.Dispose();
        }
    }

    private NamespaceEntry[] Name(ICollection<Found> found)
    {
        foreach (Found entry in found)
        {
            entry.Base = entry.MountName ?? Unit(entry.ProcessId) ?? (entry.Path is null ? $"proc-net-{entry.Id}" : $"netns-{entry.Id}");
            if (names.TryGetValue(entry.Id, out Naming? known) && known.Base == entry.Base)
            {
                known.Round = round;
            }
            else
            {
                names.Remove(entry.Id);
            }
        }

        foreach ((ulong id, Naming naming) in names)
        {
            if (naming.Round != round)
            {
                names.Remove(id);
            }
        }

        // Whoever has a name keeps it; of the new ones the first gets the plain one.
        var taken = names.Values.Select(naming => naming.Name).Concat(Reserved).ToHashSet(StringComparer.Ordinal);
        foreach (Found entry in found.Where(entry => !names.ContainsKey(entry.Id)))
        {
            string name = taken.Add(entry.Base) ? entry.Base : $"{entry.Base}-{entry.Id}";
            taken.Add(name);
            names.Add(entry.Id, new Naming(entry.Base, name) { Round = round });
        }

        return [.. found.Select(entry => new NamespaceEntry(entry.Id, names[entry.Id].Name, entry.ProcessId, entry.Path) { RawPath = entry.RawPath })];
    }

    /// <summary>Who was in a namespace when it was found last.</summary>
    /// <param name="entry">The namespace, as it was found last.</param>
    /// <returns>Null where nobody is, or nobody may be seen.</returns>
    public NamespaceInhabitants? Describe(NamespaceEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (inhabited.Values.FirstOrDefault(place => place.ProcessId == entry.ProcessId) is not { Pids: { Count: > 0 } pids } place)
        {
            return null;
        }

        var seen = new List<(string Name, string Unit, int Pid, ulong StartTicks)>(pids.Count);
        foreach (int pid in pids)
        {
            // Gone meanwhile, as a rule.
            if (processes.ReadFile(pid, "stat"u8, out ReadOnlySpan<byte> content) == ProcessAccess.Ok && !content.IsEmpty)
            {
                var stat = ProcessStat.Parse("PID/stat", content, out ReadOnlySpan<byte> name);
                string text = Utf8Text.Of(name);
                seen.Add((text, Unit(pid) ?? UnitName.None, pid, stat.StartTicks));
            }
        }

        if (seen.Count == 0)
        {
            return null;
        }

        // Of those beyond the bound, and of those that could not be read, nothing is said: then they have nothing in common.
        bool isAll = place.Count == seen.Count;
        return new NamespaceInhabitants(place.Count, seen[0].Name, seen[0].Unit, seen[0].Pid, seen[0].StartTicks)
        {
            IsOneName = isAll && seen.TrueForAll(one => one.Name == seen[0].Name),
            IsOneUnit = isAll && seen[0].Unit != UnitName.None && seen.TrueForAll(one => one.Unit == seen[0].Unit),
        };
    }

    private string? Unit(int pid)
    {
        levelsAbove ??= CgroupNamespace.LevelsAbove(processes);
        return pid != 0 && processes.ReadFile(pid, "cgroup"u8, out ReadOnlySpan<byte> content) == ProcessAccess.Ok && UnitName.FromProcessFile(content, levelsAbove ?? 0, pods) is var unit && unit != UnitName.None
            ? unit
            : null;
    }

    private sealed class Inhabited
    {
        public int ProcessId { get; set; }

        public int Replacement { get; set; }

        public bool IsThere { get; set; }

        public int Count { get; set; }

        public List<int> Pids { get; } = [];

        public uint Round { get; set; }
    }

    private sealed class Naming(string @base, string name)
    {
        public string Base { get; } = @base;

        public string Name { get; } = name;

        public uint Round { get; set; }
    }

    private sealed record Found(ulong Id, int ProcessId, string? Path)
    {
        public string? Path { get; set; } = Path;

        public byte[]? RawPath { get; set; }

        public string? MountName { get; set; }

        public string Base { get; set; } = "";
    }
}
