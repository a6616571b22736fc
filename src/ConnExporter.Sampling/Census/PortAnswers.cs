using ConnExporter.Kernel.Probes;

namespace ConnExporter.Sampling.Census;

/// <summary>How often the kernel was asked for an ephemeral port, and what it said. One object a network namespace.</summary>
internal sealed class PortAnswers
{
    private readonly ulong[] counts = new ulong[3];

    /// <summary>Questions since the start, by <see cref="PortAnswer"/>.</summary>
    public ReadOnlySpan<ulong> All => counts;

    /// <summary>Of those that the kernel counted as attempts, how many got no answer: they moved <c>ActiveOpens</c> and not <c>AttemptFails</c>.</summary>
    public ulong Unanswered { get; set; }

    /// <summary>Whether nothing was asked yet.</summary>
    public bool IsEmpty => !counts.AsSpan().ContainsAnyExcept(0ul);

    /// <summary>Counts an answer.</summary>
    public void Add(PortAnswer answer) => counts[(int)answer]++;
}
