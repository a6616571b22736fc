using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Who;

/// <summary>Looks for processes: those of a question, and those that hold sockets. Reads the descriptors of all that it may.</summary>
internal sealed class HolderSearch : IDisposable
{
    private const int Chunk = 4096;
    private readonly KernelSource kernel;
    private readonly ProcessTable processes;
    private readonly ProcessSockets sockets;
    private readonly int levelsAbove;
    private readonly ulong? bootTime;
    private readonly uint[] inodes = new uint[Chunk];

    /// <summary>The processes of a kernel.</summary>
    /// <exception cref="KernelReadException">There is no list of them.</exception>
    public HolderSearch(KernelSource kernel)
    {
        this.kernel = kernel;
        processes = new ProcessTable(kernel.Proc);
        sockets = new ProcessSockets(kernel.Proc);
        processes.Rewind();
        levelsAbove = CgroupNamespace.LevelsAbove(processes);
        using ProcFile stat = kernel.Proc.File("stat");
        bootTime = BootTime(stat);
    }

    /// <summary>Whether <c>/proc</c> hides the processes of others: one that is not seen may be there. Null where that cannot be told.</summary>
    public bool? HidesProcesses()
    {
        try
        {
            return processes.HidesProcesses();
        }
        catch (KernelReadException)
        {
            return null;
        }
    }

    /// <summary>Processes whose descriptors may not be read.</summary>
    public int Denied { get; private set; }

    /// <summary>The processes of a question; empty where there is none.</summary>
    public List<int> ProcessesOf(SocketQuestion question)
    {
        List<int> found = [];
        processes.Rewind();
        while (processes.TryNext(out int pid))
        {
            if (pid == question.ProcessId || (question.Unit is not null && UnitOf(pid) is var unit && unit != UnitName.None && question.Is(unit)))
            {
                found.Add(pid);
            }
        }

        return found;
    }

    /// <summary>The sockets that processes hold.</summary>
    public HashSet<uint> SocketsOf(IEnumerable<int> pids)
    {
        HashSet<uint> held = [];
        foreach (int pid in pids)
        {
            Read(pid, inode => held.Add(inode));
        }

        return held;
    }

    /// <summary>Finds who holds sockets, and tells what they belong to.</summary>
    /// <param name="wanted">What each socket belongs to.</param>
    public void Find(IReadOnlyDictionary<uint, Held> wanted)
    {
        Denied = 0;
        processes.Rewind();
        List<int> pids = [];
        while (processes.TryNext(out int pid))
        {
            pids.Add(pid);
        }

        foreach (int pid in pids)
        {
            Dictionary<Held, ulong> counts = new(ReferenceEqualityComparer.Instance);
            Read(pid, inode =>
            {
                if (wanted.TryGetValue(inode, out Held? of))
                {
                    counts[of] = counts.GetValueOrDefault(of) + 1;
                }
            });
            foreach ((Held of, ulong count) in counts)
            {
                of.Holders.Add(Describe(pid, count));
            }
        }

        foreach (Held of in wanted.Values.Distinct())
        {
            of.Holders.Sort((one, other) => one.Count != other.Count ? other.Count.CompareTo(one.Count) : one.Pid.CompareTo(other.Pid));
        }
    }

    public void Dispose()
    {
        processes.Dispose();
        sockets.Dispose();
    }

    private void Read(int pid, Action<uint> found)
    {
        for (long position = 0; position != ProcessSockets.End;)
        {
            ProcessAccess access = sockets.Read(pid, ref position, inodes, out int count, out int looked);
            foreach (uint inode in inodes.AsSpan(0, count))
            {
                found(inode);
            }

            if (access != ProcessAccess.Ok)
            {
                Denied += access == ProcessAccess.Denied ? 1 : 0;
                return;
            }

            if (looked == 0)
            {
                return;
            }
        }
    }

    private HolderFound Describe(int pid, ulong count)
    {
        if (processes.ReadFile(pid, "stat"u8, out ReadOnlySpan<byte> content) != ProcessAccess.Ok || content.IsEmpty)
        {
            return new HolderFound(Labels.Unknown, UnitName.None, pid, StartedAt: null, count);
        }

        var stat = ProcessStat.Parse("PID/stat", content, out ReadOnlySpan<byte> name);
        string text = Utf8Text.Of(name);
        return new HolderFound(text, UnitOf(pid), pid, bootTime is { } boot ? DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(boot + (stat.StartTicks / (double)SystemClock.TicksPerSecond)) : null, count);
    }

    private string UnitOf(int pid) =>
        processes.ReadFile(pid, "cgroup"u8, out ReadOnlySpan<byte> content) == ProcessAccess.Ok ? UnitName.FromProcessFile(content, levelsAbove, kernel.Pods) : UnitName.None;

    private static ulong? BootTime(ProcFile stat)
    {
        try
        {
            return SystemClock.ParseBootTime(stat.Path, stat.Read());
        }
        catch (KernelReadException)
        {
            // Not every tree that stands in for /proc has it: then it is not said when processes started.
            return null;
        }
    }
}
