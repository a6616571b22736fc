using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

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
    public DescriptorsReading(FileCounts counts, ulong? processLimit)
    {
        Counts = counts;
        HighestProcessLimit = processLimit;
    }

    public FileCounts Counts { get; }

    /// <summary>fs.nr_open.</summary>
    public ulong? HighestProcessLimit { get; }
}

/// <summary>What is left of a <see cref="DescriptorsReading"/> where <c>fs.file-nr</c> could not be read.</summary>
internal sealed class DescriptorsWithoutCounts(ulong? highest) : Reading
{
    /// <summary>fs.nr_open.</summary>
    public ulong? HighestProcessLimit => highest;
}
