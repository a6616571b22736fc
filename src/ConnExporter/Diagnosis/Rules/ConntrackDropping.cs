using System.Collections.Immutable;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A full connection tracking table drops packets, or evicts entries to make room (docs/kernel-facts.md §4). A drop counter that rises beside a table with room is something else.</summary>
internal sealed class ConntrackDropping() : Rule("conntrack_dropping", Severity.Warning, Severity.Critical)
{
    private const double Full = 0.95;

    public override ImmutableArray<string> Causes => ["conntrack_exhausting"];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Find(ResourceKind.ConntrackEntries)?.Worst is not { } table || !(table.PeakRatio >= Full))
        {
            return null;
        }

        Rise? drops = seen.Memory.RiseOf("conntrack.drops", seen.Thresholds.DropWindow);
        Rise? evictions = seen.Memory.RiseOf("conntrack.early_drops", seen.Thresholds.DropWindow);
        if (!(drops?.Count > 0) && !(evictions?.Count > 0))
        {
            return null;
        }

        // An evicted entry costs a connection that was half open at most; a dropped packet is a connection that failed.
        Severity severity = drops?.PerSecond > seen.Thresholds.CriticalDropRate ? Severity.Critical : Severity.Warning;
        return new Verdict(severity, ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("conntrack_drops", ("drops", (ulong)(drops?.Count ?? 0)), ("evictions", (ulong)(evictions?.Count ?? 0)), ("over", (drops ?? evictions)!.Value.Over)),
                new Fact("conntrack_entries", ("used", (ulong)table.Used), ("limit", (ulong)table.Limit), ("share", new Share(table.UsedRatio))),
            ],
            Remedies = [.. ConntrackRoom.Remedies(seen, Severity.Critical, table)],
            Settings = ConntrackRoom.Settings,
        };
    }
}
