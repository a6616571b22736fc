using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Metrics;

/// <summary>File descriptors by process name and unit.</summary>
internal static class ProcessGroupMetrics
{
    private static readonly MetricFamily GroupProcesses = MetricFamily.Gauge("conn_process_group_processes", "Processes of that name and unit that hold descriptors.", "process", "unit");

    private static readonly MetricFamily GroupDescriptors = MetricFamily.Gauge("conn_process_group_file_descriptors", "File descriptors that they hold together.", "process", "unit");

    private static readonly MetricFamily Worst = MetricFamily.Gauge(
        "conn_process_group_worst_file_descriptors", "File descriptors of the one process that is nearest to its soft limit.", "process", "unit");

    private static readonly MetricFamily WorstLimit = MetricFamily.Gauge("conn_process_group_worst_file_descriptors_limit", "The soft limit of that process.", "process", "unit");

    private static readonly MetricFamily Seen = MetricFamily.Gauge("conn_processes", "Processes seen.");

    private static readonly MetricFamily Unreadable = MetricFamily.Gauge("conn_processes_unreadable", "Processes seen whose descriptors could not be counted.");

    private static readonly MetricFamily Hidden = MetricFamily.Gauge(
        "conn_processes_hidden", "1 where /proc hides processes from the exporter (hidepid, ProtectProc): what is hidden is in none of the numbers. Left out where that cannot be told.");

    public static void Write(ExpositionWriter page, ProcessesReading reading)
    {
        foreach (ProcessesReading.Row row in reading.Rows)
        {
            page.Write(GroupProcesses, row.Processes, row.Process, row.Unit);
        }

        foreach (ProcessesReading.Row row in reading.Rows)
        {
            page.Write(GroupDescriptors, row.Descriptors, row.Process, row.Unit);
        }

        foreach (ProcessesReading.Row row in reading.Rows)
        {
            page.Write(Worst, row.Worst, row.Process, row.Unit);
        }

        foreach (ProcessesReading.Row row in reading.Rows)
        {
            page.Write(WorstLimit, row.WorstLimit, row.Process, row.Unit);
        }

        page.Write(Seen, reading.Seen);
        page.Write(Unreadable, reading.Unreadable);
        page.Write(Hidden, reading.HidesOthers is { } hidden ? (hidden ? 1u : 0u) : (ulong?)null);
    }
}
