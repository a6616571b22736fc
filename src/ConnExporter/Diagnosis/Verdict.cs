using System.Collections.Immutable;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis;

/// <summary>What a rule says of one observation: that it holds, how badly, and why.</summary>
/// <param name="Severity">How badly.</param>
/// <param name="Instance">Which listener, process or destination; <see cref="ResourceInstance.Host"/> for the host. Without numbers that change: it is a label.</param>
internal sealed record Verdict(Severity Severity, string Instance)
{
    /// <summary>What was seen, the most telling first.</summary>
    public required ImmutableArray<Fact> Evidence { get; init; }

    /// <summary>Who holds it, the biggest first.</summary>
    public ImmutableArray<Holder> Holders { get; init; } = [];

    /// <summary>What to do, grace first, then A to D.</summary>
    public ImmutableArray<Remedy> Remedies { get; init; } = [];

    /// <summary>Names of the settings that matter to it, as sysctl has them.</summary>
    public ImmutableArray<string> Settings { get; init; } = [];
}
