using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>This process, under the names that client libraries have for it.</summary>
internal static class ProcessMetrics
{
    private static readonly MetricFamily Cpu = MetricFamily.Counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");

    private static readonly MetricFamily Resident = MetricFamily.Gauge("process_resident_memory_bytes", "Resident memory size in bytes.");

    private static readonly MetricFamily Virtual = MetricFamily.Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");

    private static readonly MetricFamily OpenFds = MetricFamily.Gauge("process_open_fds", "Number of open file descriptors.");

    private static readonly MetricFamily MaxFds = MetricFamily.Gauge("process_max_fds", "Maximum number of open file descriptors.");

    private static readonly MetricFamily Threads = MetricFamily.Gauge("process_threads", "Number of OS threads in the process.");

    private static readonly MetricFamily Start = MetricFamily.Gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");

    public static void Write(ExpositionWriter page, SelfReading reading)
    {
        page.Write(Cpu, (reading.Stat.UserTicks + reading.Stat.SystemTicks) / (double)SystemClock.TicksPerSecond);
        page.Write(Resident, reading.Stat.ResidentPages * (ulong)SystemClock.PageSize);
        page.Write(Virtual, reading.Stat.VirtualBytes);
        page.Write(OpenFds, reading.OpenFiles);
        page.Write(MaxFds, reading.FileLimit);
        page.Write(Threads, reading.Stat.Threads);
        if (reading.BootTime is { } boot)
        {
            page.Write(Start, boot + (reading.Stat.StartTicks / (double)SystemClock.TicksPerSecond));
        }
    }
}
