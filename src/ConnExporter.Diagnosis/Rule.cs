using System.Collections.Immutable;

namespace ConnExporter.Diagnosis;

/// <summary>One thing that can be wrong, and how to tell. Rules keep nothing between two looks: what needs a memory is in the observation.</summary>
/// <param name="id">The finding's name.</param>
/// <param name="severities">The severities it can have.</param>
internal abstract class Rule(string id, params ImmutableArray<Severity> severities)
{
    /// <summary>The finding's name: label, key of its texts, name of its runbook page.</summary>
    public string Id { get; } = id;

    /// <summary>The severities it can have.</summary>
    public ImmutableArray<Severity> Severities { get; } = severities;

    /// <summary>What its verdict rests on, all of it.</summary>
    public abstract ImmutableArray<Input> Inputs { get; }

    /// <summary>Findings that bring this one about; where one of them holds too, it is named as the cause.</summary>
    public virtual ImmutableArray<string> Causes => [];

    /// <summary>Whether it is one process's, so that a cause of which nobody knows whose it is explains nothing.</summary>
    public virtual bool IsOfOneProcess => false;

    /// <summary>Whether it must hold for a while (an option) before it is a finding. False for rules that look at a while themselves.</summary>
    public virtual bool MustLast => true;

    /// <summary>Whether one look is not enough, so that a single <c>diagnose</c> cannot tell.</summary>
    public virtual bool NeedsHistory => false;

    /// <summary>Looks.</summary>
    /// <param name="seen">What was observed in one network namespace.</param>
    /// <param name="held">The severity that the finding has now; null where it does not hold. Thresholds are lower for what holds, so that it does not flap.</param>
    /// <returns>Null where nothing is wrong, or what it takes to tell was not read.</returns>
    public abstract Verdict? Judge(Observation seen, Severity? held);
}
