using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>What this daemon itself uses, under the names that every Prometheus client library has.</summary>
internal sealed class SelfCollector : Collector
{
    private readonly ProcFile stat;
    private readonly ProcFile limits;
    private readonly ProcFile systemStat;
    private readonly ProcessTable processes;
    private ulong? bootTime;

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
        bootTime ??= ReadBootTime();
        processes.Rewind();
        ProcessAccess access = processes.CountDescriptors(self.Pid, out ulong open, out _);
        return new SelfReading(
            self,
            bootTime.Value,
            access == ProcessAccess.Ok ? open : null,
            ProcessLimits.ParseOpenFiles(limits.Path, limits.Read()).Soft);
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
    private static readonly MetricFamily Cpu = MetricFamily.Counter("process_cpu_seconds_total", "CPU time of this exporter, user and system.");

    private static readonly MetricFamily Resident = MetricFamily.Gauge("process_resident_memory_bytes", "Memory of this exporter that is in RAM.");

    private static readonly MetricFamily Virtual = MetricFamily.Gauge("process_virtual_memory_bytes", "Address space of this exporter.");

    private static readonly MetricFamily OpenFds = MetricFamily.Gauge("process_open_fds", "File descriptors of this exporter.");

    private static readonly MetricFamily MaxFds = MetricFamily.Gauge("process_max_fds", "Soft limit of this exporter's file descriptors.");

    private static readonly MetricFamily Threads = MetricFamily.Gauge("process_threads", "Threads of this exporter.");

    private static readonly MetricFamily Start = MetricFamily.Gauge("process_start_time_seconds", "When this exporter started.");

    private readonly ProcessStat stat;
    private readonly ulong? open;
    private readonly ulong limit;

    public SelfReading(ProcessStat stat, ulong bootTime, ulong? open, ulong limit)
    {
        this.stat = stat;
        BootTime = bootTime;
        this.open = open;
        this.limit = limit;
    }

    /// <summary>When the machine started, in seconds since 1970.</summary>
    public ulong BootTime { get; }

    public override void Write(ExpositionWriter page)
    {
        page.Write(Cpu, (stat.UserTicks + stat.SystemTicks) / (double)SystemClock.TicksPerSecond);
        page.Write(Resident, stat.ResidentPages * (ulong)SystemClock.PageSize);
        page.Write(Virtual, stat.VirtualBytes);
        page.Write(OpenFds, open);
        page.Write(MaxFds, limit);
        page.Write(Threads, stat.Threads);
        page.Write(Start, BootTime + (stat.StartTicks / (double)SystemClock.TicksPerSecond));
    }
}
