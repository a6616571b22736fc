using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A full connection tracking table drops packets, or evicts entries to make room (docs/kernel-facts.md §4). A drop counter that rises beside a table with room is something else.</summary>
internal sealed class ConntrackDropping() : Rule("conntrack_dropping", Severity.Warning, Severity.Critical)
{
    /// <summary>From this share on drops are the table's.</summary>
    public const double Full = 0.95;

    public override ImmutableArray<Input> Inputs => [Input.ConntrackLimit, Input.ConntrackCounters];

    public override ImmutableArray<string> Causes => ["conntrack_exhausting"];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Find(ResourceKind.ConntrackEntries)?.Worst is not { } table)
        {
            return null;
        }

        // An entry is evicted only when the table is above its limit (nf_conntrack_core.c:__nf_conntrack_alloc): that counter needs no other proof, and sees what
        // fills and empties between two looks.
        Rise? drops = seen.Memory.RiseOf("conntrack.drops", seen.Thresholds.DropWindow);
        Rise? evictions = seen.Memory.RiseOf("conntrack.early_drops", seen.Thresholds.DropWindow);
        if (!(evictions?.Count > 0) && !(drops?.Count > 0 && table.PeakRatio >= Full))
        {
            return null;
        }

        // An evicted entry costs a connection that was half open at most; a dropped packet is a connection that failed.
        Severity severity = drops?.SeverityFor(seen.Thresholds) ?? Severity.Warning;
        return new Verdict(severity, ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("conntrack_drops", ("drops", (ulong)(drops?.Count ?? 0)), ("evictions", (ulong)(evictions?.Count ?? 0)), ("over", (drops ?? evictions)!.Value.Over)),
                new Fact("conntrack_entries", ("used", (ulong)table.Used), ("limit", (ulong)table.Limit), ("share", new Share(table.UsedRatio))),
            ],
            Remedies = ExhaustingRule.InOrder(ConntrackRoom.Remedies(seen, RemedyKind.Grace, table)),
            Settings = ConntrackRoom.Settings,
        };
    }
}
