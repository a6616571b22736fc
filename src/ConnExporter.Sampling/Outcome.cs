namespace ConnExporter.Sampling;

/// <summary>How a collector stands.</summary>
internal enum Outcome
{
    /// <summary>Its newest sample is a reading.</summary>
    Ok,

    /// <summary>What it reads is not on this kernel.</summary>
    Absent,

    /// <summary>The kernel refused; a capability is missing.</summary>
    Denied,

    /// <summary>The kernel answered with something that cannot be read.</summary>
    Broken,

    /// <summary>It has been waiting for the kernel for longer than <see cref="Sampler.StuckAfter"/>.</summary>
    Stuck,
}
