using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis;

/// <summary>What is running out and what is wrong, at one time. Never changed.</summary>
/// <param name="At">When.</param>
/// <param name="Resources">By network namespace, our own first; within one in the order of <see cref="ResourceKinds.All"/>.</param>
/// <param name="Findings">What holds now: the worst first, causes before what they bring about.</param>
/// <param name="Counts">Every finding of our own namespace, and of others those that held in the last hour.</param>
internal sealed record DiagnosisReport(DateTimeOffset At, ImmutableArray<Resource> Resources, ImmutableArray<Finding> Findings, ImmutableArray<FindingCount> Counts)
{
    /// <summary>What could not be told of our own namespace, by collector.</summary>
    public ImmutableArray<Gap> Gaps { get; init; } = [];

    /// <summary>What holds now and has not lasted long enough to be a finding, the worst first.</summary>
    public ImmutableArray<Finding> Beginning { get; init; } = [];

    /// <summary>What held before the daemon was started and is not judged yet.</summary>
    public ImmutableArray<HeldBefore> Awaited { get; init; } = [];

    /// <summary>The fullest resource of any network namespace; null where none is measured.</summary>
    public Resource? Fullest => Resources.MaxBy(resource => resource.Worst.UsedRatio);

    /// <summary>Whether another network namespace is there of which nothing is known, or that cannot be entered: who waits there in which queue, which ports and entries are left, nobody saw.</summary>
    public bool MissesNamespaces { get; init; }

    /// <summary>Whether everything that was to be looked at was seen: only then is no finding nothing.</summary>
    public bool IsComplete => !MissesNamespaces && Gaps.All(gap => gap.IsSwitchedOff);

    /// <summary>The worst severity of a finding; null where there is none.</summary>
    public Severity? Worst => Findings.Length == 0 ? null : Findings.Max(finding => finding.Severity);
}

/// <summary>One finding at one severity in one network namespace.</summary>
/// <param name="Id">The finding.</param>
/// <param name="Severity">The severity.</param>
/// <param name="Netns">The network namespace.</param>
/// <param name="Holds">Whether it holds now, at this severity.</param>
/// <param name="Begun">How often it began.</param>
/// <param name="IsKnown">False where it does not hold by what was seen, and something that it rests on was not seen, or was not looked at for long enough since the start.</param>
internal readonly record struct FindingCount(string Id, Severity Severity, string Netns, bool Holds, ulong Begun, bool IsKnown = true);
