using ConnExporter.Kernel;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling;

/// <summary>Reads one part of the kernel. Called by one thread only, for as long as the daemon runs; keeps its descriptors and buffers.</summary>
internal abstract class Collector : IDisposable
{
    /// <summary>Reads the kernel once.</summary>
    /// <param name="context">What can be noted besides the reading.</param>
    /// <exception cref="KernelReadException">There is no reading; the exception says whether it is Absent, Denied or Broken.</exception>
    public abstract Reading Collect(CollectContext context);

    /// <summary>Closes what it keeps open. Those that go from one network namespace to the next are closed in between: what they know they keep, and the next <see cref="Collect"/> opens again.</summary>
    public abstract void Close();

    /// <inheritdoc/>
    public void Dispose() => Close();
}

/// <summary>A collector as the list names it.</summary>
/// <param name="Name">Its name on the command line and in the label <c>collector</c>.</param>
/// <param name="DefaultInterval">How often it reads unless told otherwise.</param>
/// <param name="Summary">What it reads, in half a line for the help text.</param>
/// <param name="Create">Makes it.</param>
internal sealed record CollectorEntry(string Name, TimeSpan DefaultInterval, string Summary, Func<KernelSource, SamplingOptions, Collector> Create)
{
    /// <summary>How long its interval may become for the CPU budget's sake, as long as others have more patience; null where it is cheap, and keeps its interval as long as possible.</summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>Whether it walks over the sockets: its thread does so without CAP_NET_ADMIN, which only makes records longer.</summary>
    public bool WalksSockets { get; init; }

    /// <summary>Whether it is on unless told otherwise.</summary>
    public bool IsDefault { get; init; } = true;

    /// <summary>Whether <see cref="SamplingOptions.Namespaces"/> means something to it: then a change makes it anew.</summary>
    public bool FollowsScope { get; init; }
}

/// <summary>What one collector read at one time: immutable and complete. What was not read is null, never 0.</summary>
internal abstract class Reading;
