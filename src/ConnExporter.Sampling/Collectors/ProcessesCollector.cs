using System.Collections.Immutable;
using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>File descriptors by process name and unit, and in each group the one process that is nearest to its limit. No pids on the page.</summary>
/// <remarks>
/// The count of a process is one system call on Linux 6.2 and newer. Name, unit and limit are kept for as long as it is the same process
/// and read again every fourth round, or each round once half of the limit is used, because all three can change under way.
/// </remarks>
internal sealed class ProcessesCollector : Collector
{
    /// <summary>Groups on the page, worst first; the others together make one more row.</summary>
    public const int Shown = 20;

    private const int RefreshRounds = 4;

    // What is mounted how hardly ever changes.
    private const int LookAgainRounds = 20;

    private readonly ProcFs proc;
    private readonly ProcessTable table;
    private readonly PodNames? pods;
    private readonly string limits;
    private readonly string statistics;
    private readonly Dictionary<int, Process> processes = [];
    private readonly Dictionary<(string Name, string Unit), Group> groups = [];
    private uint round;
    private bool? hidesOthers;
    private bool? isOfHost;
    private int? levelsAbove;
    private int foundLate;

    public ProcessesCollector(KernelSource kernel)
    {
        proc = kernel.Proc;
        table = new ProcessTable(kernel.Proc);
        pods = kernel.Pods;
        limits = kernel.Proc.PathOf("PID/limits");
        statistics = kernel.Proc.PathOf("PID/stat");
    }

    public override Reading Collect(CollectContext context)
    {
        round++;
        int seen = 0;
        int unreadable = 0;
        foundLate = pods?.FoundLate() ?? 0;
        table.Rewind();
        levelsAbove ??= CgroupNamespace.LevelsAbove(table);
        if (round % LookAgainRounds == 1)
        {
            try
            {
                (hidesOthers, isOfHost) = (table.HidesProcesses(), table.IsOfHost());
            }
            catch (KernelReadException)
            {
                // What cannot be told is not told; the processes that are seen are counted all the same.
                (hidesOthers, isOfHost) = (null, null);
            }
        }

        while (table.TryNext(out int pid))
        {
            ProcessAccess access = Look(pid, context);
            seen += access == ProcessAccess.Gone ? 0 : 1;
            unreadable += access == ProcessAccess.Denied ? 1 : 0;
        }

        context.Note(
            hidesOthers == true ? "processes are hidden by the options of the mount (hidepid, ProtectProc) and not counted: root, CAP_SYS_PTRACE or the group that the mount exempts (gid=) sees them"
            : unreadable > 0 ? $"some processes cannot be read and are counted in conn_processes_unreadable: before Linux 6.2 listing their descriptors {Capabilities.Explain(Capabilities.Effective(proc), Capabilities.SysPtrace, Capabilities.DacReadSearch)}; or hidepid hides them"
            : isOfHost == false ? "these are the processes of a container or another process namespace, not of the host: hostPID, --pid=host or --path.procfs at the host's /proc shows all"
            : null);
        Forget();
        return Read(context, seen, unreadable);
    }

    public override void Close() => table.Dispose();

    // A file of one process that is not what the kernel writes there costs that process.
    private ProcessAccess Look(int pid, CollectContext context)
    {
        try
        {
            return Look(pid);
        }
        catch (KernelReadException e) when (e.Reason == "parse")
        {
            context.Miss(new KernelReadException(FailureKind.Broken, e.Reason, $"process {pid}: {e.Message}", e));
            return ProcessAccess.Denied;
        }
    }

    private ProcessAccess Look(int pid)
    {
        ProcessAccess access = table.CountDescriptors(pid, out ulong count, out ulong identity);
        if (access != ProcessAccess.Ok || count == 0)
        {
            // Kernel threads hold none; a process that holds none runs out of nothing.
            return access;
        }

        if (!processes.TryGetValue(pid, out Process? process) || process.Identity != identity)
        {
            process = new Process(identity);
            processes[pid] = process;
            access = Refresh(pid, process);
        }
        else if ((pid + round) % RefreshRounds == 0 || count >= process.Limit / 2)
        {
            access = Refresh(pid, process);
        }

        if (access == ProcessAccess.Ok)
        {
            process.Round = round;
            process.Group!.Add(pid, count, process.Limit, round);
        }

        return access;
    }

    private ProcessAccess Refresh(int pid, Process process)
    {
        ProcessAccess access = table.ReadFile(pid, "comm"u8, out ReadOnlySpan<byte> content);
        if (access != ProcessAccess.Ok)
        {
            return access;
        }

        string name = process.Group is { } known && content.TrimEnd((byte)'\n').SequenceEqual(known.NameBytes)
            ? known.Name
            : Encoding.UTF8.GetString(content.TrimEnd((byte)'\n'));
        // A kernel without control groups has no such file. Should the process have ended instead, the next file tells.
        access = table.ReadFile(pid, "cgroup"u8, out content);
        if (access == ProcessAccess.Denied)
        {
            return access;
        }

        // Of one group most have the same file word for word: then nothing is made of it anew.
        byte[] cgroupFile = process.Group is { } before && before.FoundLate == foundLate && content.SequenceEqual(before.CgroupFile) ? before.CgroupFile : content.ToArray();
        string unit = ReferenceEquals(cgroupFile, process.Group?.CgroupFile) ? process.Group.Unit : UnitName.FromProcessFile(content, levelsAbove ?? 0, pods);
        access = table.ReadFile(pid, "limits"u8, out content);
        if (access != ProcessAccess.Ok)
        {
            return access;
        }

        // An empty file: it is ending just now.
        if (content.IsEmpty)
        {
            return ProcessAccess.Gone;
        }

        (process.Limit, process.HardLimit) = ProcessLimits.ParseOpenFiles(limits, content);
        if (!groups.TryGetValue((name, unit), out Group? group))
        {
            group = new Group(name, unit);
            groups.Add((name, unit), group);
        }

        group.CgroupFile = cgroupFile;
        group.FoundLate = foundLate;
        process.Group = group;
        return ProcessAccess.Ok;
    }

    private void Forget()
    {
        foreach ((int pid, Process process) in processes)
        {
            if (process.Round != round)
            {
                processes.Remove(pid);
            }
        }

        foreach (((string, string) key, Group group) in groups)
        {
            if (group.Round != round)
            {
                groups.Remove(key);
            }
        }
    }

    private ProcessesReading Read(CollectContext context, int seen, int unreadable)
    {
        Group[] worstFirst = [.. groups.Values.OrderByDescending(group => group.WorstRatio).ThenByDescending(group => group.Descriptors)];
        List<ProcessesReading.Row> rows = [.. worstFirst.Take(Shown).Select(group => group.ToRow() with { WorstProcessId = group.WorstProcessId, WorstStartTicks = context.Part(() => StartOf(group.WorstProcessId)), WorstHardLimit = processes.GetValueOrDefault(group.WorstProcessId)?.HardLimit })
            .OrderBy(row => row.Process, StringComparer.Ordinal).ThenBy(row => row.Unit, StringComparer.Ordinal)];
        context.Drop("conn_process_group_file_descriptors", Math.Max(0, worstFirst.Length - Shown));
        if (worstFirst.Length > Shown)
        {
            var rest = new Group(Labels.Other, Labels.Other);
            foreach (Group group in worstFirst.AsSpan(Shown))
            {
                rest.Add(group);
            }

            rows.Add(rest.ToRow());
        }

        return new ProcessesReading([.. rows], seen, unreadable)
        {
            HidesOthers = hidesOthers,
            IsOfHost = isOfHost,
            MostAlike = worstFirst.Select(group => group.Processes).DefaultIfEmpty().Max(),
        };
    }

    // Asked for the few on the page only, and once.
    private ulong? StartOf(int pid)
    {
        if (!processes.TryGetValue(pid, out Process? process))
        {
            return null;
        }

        if (process.StartTicks is null && table.ReadFile(pid, "stat"u8, out ReadOnlySpan<byte> content) == ProcessAccess.Ok && !content.IsEmpty)
        {
            process.StartTicks = ProcessStat.Parse(statistics, content, out _).StartTicks;
        }

        return process.StartTicks;
    }

    private sealed class Process(ulong identity)
    {
        public ulong? StartTicks { get; set; }

        public ulong Identity { get; } = identity;

        public ulong Limit { get; set; }

        public ulong HardLimit { get; set; }

        public Group? Group { get; set; }

        public uint Round { get; set; }
    }

    private sealed class Group(string name, string unit)
    {
        public string Name { get; } = name;

        public byte[] NameBytes { get; } = Encoding.UTF8.GetBytes(name);

        public string Unit { get; } = unit;

        /// <summary>What <c>/proc/PID/cgroup</c> said of the last of them that was read.</summary>
        public byte[] CgroupFile { get; set; } = [];

        /// <summary>How many names of pods had been found at a later try by then, see <see cref="PodNames.FoundLate"/>.</summary>
        public int FoundLate { get; set; }

        public uint Round { get; private set; }

        public ulong Processes { get; private set; }

        public ulong Descriptors { get; private set; }

        public ulong Worst { get; private set; }

        public ulong WorstLimit { get; private set; }

        public int WorstProcessId { get; private set; }

        public double WorstRatio => Ratio(Worst, WorstLimit);

        public void Add(int pid, ulong count, ulong limit, uint round)
        {
            if (Round != round)
            {
                Round = round;
                Processes = Descriptors = Worst = WorstLimit = 0;
            }

            Processes++;
            Descriptors += count;
            TakeWorse(pid, count, limit);
        }

        public void Add(Group other)
        {
            Processes += other.Processes;
            Descriptors += other.Descriptors;
            TakeWorse(other.WorstProcessId, other.Worst, other.WorstLimit);
        }

        public ProcessesReading.Row ToRow() => new(Name, Unit, Processes, Descriptors, Worst, WorstLimit);

        private void TakeWorse(int pid, ulong count, ulong limit)
        {
            if (Worst == 0 || Ratio(count, limit) > WorstRatio)
            {
                (WorstProcessId, Worst, WorstLimit) = (pid, count, limit);
            }
        }

        // A limit of 0 is possible, with descriptors that were open before it: nothing can be opened.
        private static double Ratio(ulong count, ulong limit) => limit == 0 ? double.PositiveInfinity : count / (double)limit;
    }
}

/// <summary>The processes at one time.</summary>
internal sealed class ProcessesReading : Reading
{
    public ProcessesReading(Row[] rows, int seen, int unreadable)
    {
        Rows = [.. rows];
        Seen = seen;
        Unreadable = unreadable;
    }

    /// <summary>The groups that are shown, by name.</summary>
    public ImmutableArray<Row> Rows { get; }

    /// <summary>Processes seen.</summary>
    public int Seen { get; }

    /// <summary>Those of them whose descriptors could not be counted.</summary>
    public int Unreadable { get; }

    /// <summary>Whether processes are hidden from this program; null where that cannot be told, as of a tree of files.</summary>
    public bool? HidesOthers { get; init; }

    /// <summary>Whether these are all processes of the host, not those of a process namespace within it; null where that cannot be told.</summary>
    public bool? IsOfHost { get; init; }

    /// <summary>How many processes the largest group has, shown or not.</summary>
    public ulong MostAlike { get; init; }

    /// <summary>Whether some could not be read.</summary>
    public bool HasUnreadable => Unreadable > 0;

    /// <summary>One group, and the process of it that is nearest to its limit.</summary>
    internal sealed record Row(string Process, string Unit, ulong Processes, ulong Descriptors, ulong Worst, ulong WorstLimit)
    {
        /// <summary>Null in the row that sums the rest.</summary>
        public int? WorstProcessId { get; init; }

        /// <summary>When that process started, in clock ticks after boot; null where it has ended since.</summary>
        public ulong? WorstStartTicks { get; init; }

        /// <summary>As far as that process may raise its limit by itself; <see cref="ulong.MaxValue"/> is without limit.</summary>
        public ulong? WorstHardLimit { get; init; }
    }
}
