using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis;

/// <summary>What a rule says of one observation: that it holds, how badly, and why.</summary>
/// <param name="Severity">How badly.</param>
/// <param name="Instance">Which listener, process or destination; <see cref="ResourceInstance.Host"/> for the host. Without numbers that change: it is a label.</param>
internal sealed record Verdict(Severity Severity, string Instance)
{
    /// <summary>Whether it may be so, or is likely, without being proven: the title says so.</summary>
    public bool IsUnproven { get; init; }

    /// <summary>Whether it is about connections that nobody has accepted: the title says so.</summary>
    public bool IsUnaccepted { get; init; }

    /// <summary>Whether every port of the range is reserved: the title says so.</summary>
    public bool IsReserved { get; init; }

    /// <summary>Whether all of it is proven to be gone: that need not last to be a finding.</summary>
    public bool IsUsedUp { get; init; }

    /// <summary>The key of the title of a finding.</summary>
    public string TitleOf(string finding) => $"finding.{finding}.title{(IsUnproven ? "_unproven" : IsUnaccepted ? "_unaccepted" : IsReserved ? "_reserved" : "")}";

    /// <summary>The finding that was seen to bring it about, of those that hold; null where only <see cref="Rule.Causes"/> tell.</summary>
    public ProvenCause? Cause { get; init; }

    /// <summary>What was seen, the most telling first.</summary>
    public required ImmutableArray<Fact> Evidence { get; init; }

    /// <summary>Who holds it, the biggest first.</summary>
    public ImmutableArray<Holder> Holders { get; init; } = [];

    /// <summary>What to do, grace first, then A to D.</summary>
    public ImmutableArray<Remedy> Remedies { get; init; } = [];

    /// <summary>Names of the settings that matter to it, as sysctl has them.</summary>
    public ImmutableArray<string> Settings { get; init; } = [];
}

/// <summary>The cause of a verdict, as its own evidence shows it.</summary>
/// <param name="Finding">The finding that is it, where it holds.</param>
internal sealed record ProvenCause(string Finding)
{
    /// <summary>The label of the holder that it must be about; null where any will do.</summary>
    public string? Holder { get; init; }

    /// <summary>The instance that it must be about; null where any will do.</summary>
    public string? Instance { get; init; }

    /// <summary>Whether a finding is it.</summary>
    public bool Is(Finding finding) => finding.Id == Finding && (Instance is null || finding.Verdict.Instance == Instance) && (Holder is null || finding.Verdict.Holders.Any(holder => holder.Label == Holder));
}

/// <summary>Something that was seen, in numbers: a text's key, and what goes into it. The face that shows it chooses the language.</summary>
/// <param name="Key">The text is <c>fact.KEY</c> in each language.</param>
/// <param name="Values">What stands for <c>{name}</c> in the text: a string, a <see cref="OutsideName"/>, a whole number, a ratio, a <see cref="TimeSpan"/> or <see cref="Bytes"/>.</param>
internal sealed record Fact(string Key, params ImmutableArray<(string Name, object Value)> Values);

/// <summary>An amount of memory.</summary>
internal readonly record struct Bytes(double Count);

/// <summary>A share, 1 being all.</summary>
internal readonly record struct Share(double Ratio);

/// <summary>A name that others gave: of a process, a unit, a network namespace, a file. JSON has it as it is, texts as one word, see <c>Visible.Name</c>.</summary>
internal readonly record struct OutsideName(string Text);
