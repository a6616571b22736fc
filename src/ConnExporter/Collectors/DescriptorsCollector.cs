using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>File descriptors of the whole host against their limits.</summary>
internal sealed class DescriptorsCollector : Collector
{
    private readonly ProcFile fileNumbers;
    private readonly ProcFile processLimit;

    public DescriptorsCollector(KernelSource kernel)
    {
        fileNumbers = kernel.Proc.File("sys/fs/file-nr");
        processLimit = kernel.Proc.File("sys/fs/nr_open");
    }

    public override Reading Collect(CollectContext context)
    {
        FileCounts? counts = context.Part<FileCounts>(() => FileCounts.Parse(fileNumbers.Path, fileNumbers.Read()));
        ulong? highest = context.Part(processLimit.ReadNumberIfThere);
        context.RequirePart();
        return counts is { } known ? new DescriptorsReading(known, highest) : new DescriptorsWithoutCounts(highest);
    }

    public override void Close()
    {
        fileNumbers.Dispose();
        processLimit.Dispose();
    }
}

/// <summary>The host's descriptors at one time.</summary>
internal sealed class DescriptorsReading : Reading
{
    private static readonly MetricFamily Used = MetricFamily.Gauge("conn_file_descriptors", "Open files of the host (fs.file-nr).");

    private static readonly MetricFamily Limit = MetricFamily.Gauge("conn_file_descriptors_limit", "fs.file-max; processes with CAP_SYS_ADMIN may exceed it.");

    private static readonly MetricFamily ProcessLimit = MetricFamily.Gauge(
        "conn_file_descriptors_process_limit", "fs.nr_open: the highest RLIMIT_NOFILE that a process can be given.");

    public DescriptorsReading(FileCounts counts, ulong? processLimit)
    {
        Counts = counts;
        HighestProcessLimit = processLimit;
    }

    public FileCounts Counts { get; }

    /// <summary>fs.nr_open.</summary>
    public ulong? HighestProcessLimit { get; }

    public override void Write(ExpositionWriter page)
    {
        page.Write(Used, Counts.Allocated);
        page.Write(Limit, Counts.Limit);
        WriteProcessLimit(page, HighestProcessLimit);
    }

    /// <summary>Writes the limit of processes alone.</summary>
    public static void WriteProcessLimit(ExpositionWriter page, ulong? highest) => page.Write(ProcessLimit, highest);
}

/// <summary>What is left of a <see cref="DescriptorsReading"/> where <c>fs.file-nr</c> could not be read.</summary>
internal sealed class DescriptorsWithoutCounts(ulong? highest) : Reading
{
    public override void Write(ExpositionWriter page) => DescriptorsReading.WriteProcessLimit(page, highest);
}
