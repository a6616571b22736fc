using System.Collections.Immutable;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis;

/// <summary>What is running out and what is wrong, at one time. Never changed.</summary>
/// <param name="At">When.</param>
/// <param name="Resources">By network namespace, our own first; within one in the order of <see cref="ResourceKinds.All"/>.</param>
/// <param name="Findings">What holds now: the worst first, causes before what they bring about.</param>
/// <param name="Counts">Every finding of our own namespace, and of others those that held in the last hour.</param>
internal sealed record DiagnosisReport(DateTimeOffset At, ImmutableArray<Resource> Resources, ImmutableArray<Finding> Findings, ImmutableArray<FindingCount> Counts)
{
    /// <summary>The worst severity of a finding; null where there is none.</summary>
    public Severity? Worst => Findings.Length == 0 ? null : Findings.Max(finding => finding.Severity);
}

/// <summary>One finding at one severity in one network namespace.</summary>
/// <param name="Id">The finding.</param>
/// <param name="Severity">The severity.</param>
/// <param name="Netns">The network namespace.</param>
/// <param name="Holds">Whether it holds now, at this severity.</param>
/// <param name="Begun">How often it began.</param>
internal readonly record struct FindingCount(string Id, Severity Severity, string Netns, bool Holds, ulong Begun);
