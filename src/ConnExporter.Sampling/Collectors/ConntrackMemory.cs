using ConnExporter.Sampling.Census;

namespace ConnExporter.Sampling.Collectors;

/// <summary>What is remembered of the connection tracking of one network namespace: whether insertions fail, and the ports of NAT while they do.</summary>
internal sealed class ConntrackMemory
{
    /// <summary>Failed insertions at the last reading; null before the first.</summary>
    public ulong? LastFailed { get; set; }

    /// <summary>Monotonic time of the last reading that had more of them; null where none had.</summary>
    public long? RisenAt { get; set; }

    /// <summary>The last look at the table, while insertions fail.</summary>
    public NatPorts? Nat { get; set; }
}
