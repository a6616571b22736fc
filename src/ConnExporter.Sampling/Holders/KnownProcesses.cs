using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Holders;

/// <summary>The processes of the host: which there are, who they are, and how many of them have been read. Bounded; for one thread.</summary>
/// <param name="kernel">The kernel of the host.</param>
/// <param name="owners">What is forgotten with a process that is gone.</param>
internal sealed class KnownProcesses(KernelSource kernel, OwnerTable owners) : IDisposable
{
    private const int Bound = 65_536;

    // Where the kernel does not tell how many descriptors a process has, they are counted every so many rounds.
    private const int CountRounds = 4;
    private readonly ProcessTable table = new(kernel.Proc);
    private readonly Dictionary<int, KnownProcess> processes = [];
    private readonly SortedSet<string> missing = new(StringComparer.Ordinal);
    private int hidden;
    private int? levelsAbove;
    private ulong ownNetwork;

    /// <summary>Those that there were at the last scan, and are not known to be gone.</summary>
    public Dictionary<int, KnownProcess>.ValueCollection All => processes.Values;

    /// <summary>The process of a pid; null where there is none.</summary>
    public KnownProcess? Find(int pid) => processes.GetValueOrDefault(pid);

    /// <summary>Looks which processes there are.</summary>
    /// <param name="round">The round.</param>
    /// <exception cref="KernelReadException">The processes cannot be listed.</exception>
    public void Scan(uint round)
    {
        hidden = 0;
        table.Rewind();
        levelsAbove ??= CgroupNamespace.LevelsAbove(table);
        while (table.TryNext(out int pid))
        {
            try
            {
                hidden += Look(pid, round) == ProcessAccess.Denied ? 1 : 0;
            }
            catch (KernelReadException)
            {
                // One process that cannot be looked at is no reason to know nothing of the others: it stays unread.
            }
        }

        foreach (KnownProcess process in processes.Values)
        {
            if (process.Round != round)
            {
                Forget(process);
            }
        }
    }

    /// <summary>Forgets a process that is gone.</summary>
    public void Forget(KnownProcess process)
    {
        processes.Remove(process.Pid);
        if (process.Slot >= 0)
        {
            owners.Remove(process.Slot);
            process.Slot = -1;
        }
    }

    /// <summary>Takes note that the descriptors of a process may not be read.</summary>
    /// <param name="process">The process.</param>
    /// <param name="capabilities">What that takes.</param>
    /// <param name="round">The round.</param>
    public void Deny(KnownProcess process, IReadOnlyList<string> capabilities, uint round)
    {
        missing.UnionWith(capabilities);
        process.Deny(round);
    }

    /// <summary>Whether it is still the process that was looked at when the round began: then everything that was read between was its own.</summary>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess Confirm(KnownProcess process)
    {
        ProcessAccess access = table.Identify(process.Pid, out ulong identity, out _, out _);
        return access == ProcessAccess.Ok && identity != process.Identity ? ProcessAccess.Gone : access;
    }

    /// <summary>Reads name and unit of a process that holds sockets, and begins a pass over it among the owners.</summary>
    /// <exception cref="KernelReadException">Broken for an errno that does not mean gone or denied.</exception>
    public ProcessAccess Describe(KnownProcess process)
    {
        ProcessAccess access = table.ReadFile(process.Pid, "stat"u8, out ReadOnlySpan<byte> text);
        if (access != ProcessAccess.Ok || text.IsEmpty)
        {
            return access == ProcessAccess.Ok ? ProcessAccess.Gone : access;
        }

        var stat = ProcessStat.Parse("PID/stat", text, out ReadOnlySpan<byte> nameBytes);
        string name = Encoding.UTF8.GetString(nameBytes);

        // A kernel without control groups has no such file.
        access = table.ReadFile(process.Pid, "cgroup"u8, out text);
        var owner = new Owner(name, access == ProcessAccess.Ok ? UnitName.FromProcessFile(text, levelsAbove ?? 0, kernel.Pods) : UnitName.None, process.Pid, stat.StartTicks);
        if (process.Slot < 0)
        {
            process.Slot = owners.Add(owner);
            return ProcessAccess.Ok;
        }

        return owners.TryBeginPass(process.Slot, owner) ? ProcessAccess.Ok : ProcessAccess.Gone;
    }

    /// <summary>Whether a process is in another network namespace than we are. Looked for once in a pass.</summary>
    public bool IsElsewhere(KnownProcess process) => process.IsElsewhere ??= LookElsewhere(process.Pid);

    /// <summary>How many of the processes have been read.</summary>
    /// <param name="sockets">Sockets with an inode that were looked up.</param>
    /// <param name="covered">Those of them whose owner is known.</param>
    /// <param name="leftOut">What the round left out.</param>
    public OwnerCoverage TakeStock(ulong sockets, ulong covered, ulong leftOut)
    {
        int holding = 0;
        int unread = 0;
        int denied = hidden;
        int deniedNear = hidden;
        foreach (KnownProcess process in processes.Values)
        {
            if (process.Count > 0)
            {
                holding++;
                denied += process.IsDenied ? 1 : 0;
                deniedNear += process.IsDenied && !IsElsewhere(process) ? 1 : 0;
                unread += !process.IsDenied && (process.ReadRound == 0 || process.ReadCount != process.Count) ? 1 : 0;
            }
        }

        if (denied == 0)
        {
            missing.Clear();
        }

        return new OwnerCoverage(sockets, covered, leftOut, holding + hidden, unread, denied, string.Join(", ", missing)) { DeniedNear = deniedNear };
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose() => table.Dispose();

    private ProcessAccess Look(int pid, uint round)
    {
        ProcessAccess access = table.Identify(pid, out ulong identity, out uint user, out ulong? count);
        if (access != ProcessAccess.Ok)
        {
            return access;
        }

        if (!processes.TryGetValue(pid, out KnownProcess? process) || (process.Identity != identity && !IsSame(process)))
        {
            if (process is not null)
            {
                Forget(process);
            }

            if (processes.Count >= Bound)
            {
                return ProcessAccess.Ok;
            }

            process = new KnownProcess(pid);
            processes.Add(pid, process);
        }

        // Where counting means listing, not each round.
        if (count is null && (process.Round == 0 || (pid + round) % CountRounds == 0))
        {
            access = table.CountDescriptors(pid, out ulong listed, out _);
            if (access == ProcessAccess.Gone)
            {
                return access;
            }

            // One is no more than a reason to try.
            count = access == ProcessAccess.Ok ? listed : 1;
        }

        process.See(round, identity, user, count);
        return ProcessAccess.Ok;
    }

    // The kernel gives a directory another inode number when it has dropped it from its cache.
    private bool IsSame(KnownProcess process) =>
        process.Slot >= 0 && table.ReadFile(process.Pid, "stat"u8, out ReadOnlySpan<byte> text) == ProcessAccess.Ok && !text.IsEmpty
        && ProcessStat.Parse("PID/stat", text, out _).StartTicks == owners[process.Slot].StartTicks;

    // The file needs no rights on the process and is another in each namespace. Where it does not tell, the process may be as near as any.
    private bool LookElsewhere(int pid)
    {
        try
        {
            if (ownNetwork == 0 && table.ReadInode("self/net/sockstat\0"u8, out ownNetwork) != ProcessAccess.Ok)
            {
                return false;
            }

            return table.ReadInode(pid, "net/sockstat"u8, out ulong network) == ProcessAccess.Ok && network != ownNetwork;
        }
        catch (KernelReadException)
        {
            return false;
        }
    }
}
