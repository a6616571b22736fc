using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>File descriptors of the host.</summary>
internal static class DescriptorMetrics
{
    private static readonly MetricFamily Used = MetricFamily.Gauge("conn_file_descriptors", "Open files of the host (fs.file-nr).");

    private static readonly MetricFamily Limit = MetricFamily.Gauge("conn_file_descriptors_limit", "fs.file-max; processes with CAP_SYS_ADMIN may exceed it.");

    private static readonly MetricFamily ProcessLimit = MetricFamily.Gauge(
        "conn_file_descriptors_process_limit", "fs.nr_open: the highest RLIMIT_NOFILE that a process can be given.");

    public static void Write(ExpositionWriter page, DescriptorsReading reading)
    {
        page.Write(Used, reading.Counts.Allocated);
        page.Write(Limit, reading.Counts.Limit);
        page.Write(ProcessLimit, reading.HighestProcessLimit);
    }

    public static void Write(ExpositionWriter page, DescriptorsWithoutCounts reading) => page.Write(ProcessLimit, reading.HighestProcessLimit);
}
