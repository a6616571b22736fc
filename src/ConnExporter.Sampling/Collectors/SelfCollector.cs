using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>What this daemon itself uses, under the names and with the help texts that every Prometheus client library has.</summary>
internal sealed class SelfCollector : Collector
{
    private readonly ProcFile stat;
    private readonly ProcFile limits;
    private readonly ProcFile systemStat;
    private readonly ProcessTable processes;
    private ulong? bootTime;
    private bool? seesHostCgroups;

    public SelfCollector(KernelSource kernel)
    {
        stat = kernel.Proc.File("self/stat");
        limits = kernel.Proc.File("self/limits");
        systemStat = kernel.Proc.File("stat");
        processes = new ProcessTable(kernel.Proc);
    }

    public override Reading Collect(CollectContext context)
    {
        var self = ProcessStat.Parse(stat.Path, stat.Read(), out _);

        // The kernel works it out anew at each read and may differ by a second: one process has one start.
        bootTime ??= context.Part<ulong>(() => ReadBootTime());
        processes.Rewind();
        ProcessAccess access = processes.CountDescriptors(self.Pid, out ulong open, out _);
        return new SelfReading(
            self,
            bootTime,
            access == ProcessAccess.Ok ? open : null,
            context.Part<ulong>(() => ProcessLimits.ParseOpenFiles(limits.Path, limits.Read()).Soft))
        {
            SeesHostCgroups = seesHostCgroups ??= CgroupNamespace.IsOfSystemManager(processes),
        };
    }

    public override void Close()
    {
        stat.Dispose();
        limits.Dispose();
        systemStat.Dispose();
        processes.Dispose();
    }

    private ulong ReadBootTime()
    {
        using (systemStat)
        {
            return SystemClock.ParseBootTime(systemStat.Path, systemStat.Read());
        }
    }
}

/// <summary>This process at one time.</summary>
internal sealed class SelfReading : Reading
{
    public SelfReading(ProcessStat stat, ulong? bootTime, ulong? open, ulong? limit)
    {
        Stat = stat;
        BootTime = bootTime;
        OpenFiles = open;
        FileLimit = limit;
    }

    /// <summary>Its line in /proc/self/stat.</summary>
    public ProcessStat Stat { get; }

    /// <summary>Descriptors that it holds; null where they could not be counted.</summary>
    public ulong? OpenFiles { get; }

    /// <summary>How many it may hold; null where that could not be read.</summary>
    public ulong? FileLimit { get; }

    /// <summary>When the machine started, in seconds since 1970; null where that could not be read.</summary>
    public ulong? BootTime { get; }

    /// <summary>Whether the cgroup paths that we see begin where those of the system manager do, see <see cref="CgroupNamespace"/>.</summary>
    public bool SeesHostCgroups { get; init; }
}
