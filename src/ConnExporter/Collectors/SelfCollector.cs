using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

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
    private static readonly MetricFamily Cpu = MetricFamily.Counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");

    private static readonly MetricFamily Resident = MetricFamily.Gauge("process_resident_memory_bytes", "Resident memory size in bytes.");

    private static readonly MetricFamily Virtual = MetricFamily.Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");

    private static readonly MetricFamily OpenFds = MetricFamily.Gauge("process_open_fds", "Number of open file descriptors.");

    private static readonly MetricFamily MaxFds = MetricFamily.Gauge("process_max_fds", "Maximum number of open file descriptors.");

    private static readonly MetricFamily Threads = MetricFamily.Gauge("process_threads", "Number of OS threads in the process.");

    private static readonly MetricFamily Start = MetricFamily.Gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");

    private readonly ProcessStat stat;
    private readonly ulong? open;
    private readonly ulong? limit;

    public SelfReading(ProcessStat stat, ulong? bootTime, ulong? open, ulong? limit)
    {
        this.stat = stat;
        BootTime = bootTime;
        this.open = open;
        this.limit = limit;
    }

    /// <summary>When the machine started, in seconds since 1970; null where that could not be read.</summary>
    public ulong? BootTime { get; }

    /// <summary>Whether the cgroup paths that we see begin where those of the system manager do, see <see cref="CgroupNamespace"/>.</summary>
    public bool SeesHostCgroups { get; init; }

    public override void Write(ExpositionWriter page)
    {
        page.Write(Cpu, (stat.UserTicks + stat.SystemTicks) / (double)SystemClock.TicksPerSecond);
        page.Write(Resident, stat.ResidentPages * (ulong)SystemClock.PageSize);
        page.Write(Virtual, stat.VirtualBytes);
        page.Write(OpenFds, open);
        page.Write(MaxFds, limit);
        page.Write(Threads, stat.Threads);
        if (BootTime is { } boot)
        {
            page.Write(Start, boot + (stat.StartTicks / (double)SystemClock.TicksPerSecond));
        }
    }
}
