using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// Source NAT finds no free port: the new entry cannot be inserted and its packet is dropped, while the table has room. It looks like a full table, and a
/// larger one does nothing (docs/kernel-facts.md §12).
/// </summary>
internal sealed class NatPortsExhausting() : Rule("nat_ports_exhausting", Severity.Warning, Severity.Critical)
{
    private const double HasRoom = 0.8;

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Conntrack is not { } table || (table.Max ?? seen.Host.Conntrack?.Max) is not { } limit || (limit > 0 && table.Count >= limit * HasRoom))
        {
            return null;
        }

        TimeSpan window = seen.Thresholds.DropWindow;
        if (seen.Memory.RiseOf("conntrack.insert_failed", window) is not { Count: > 0 } failed || seen.Memory.RiseOf("conntrack.drops", window) is not { Count: > 0 } drops)
        {
            return null;
        }

        return new Verdict(failed.PerSecond > seen.Thresholds.CriticalDropRate ? Severity.Critical : Severity.Warning, ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("nat_insertions_failed", ("failed", (ulong)failed.Count), ("drops", (ulong)drops.Count), ("over", failed.Over)),
                limit == 0
                    ? new Fact("conntrack_without_limit", ("used", table.Count))
                    : new Fact("conntrack_has_room", ("used", table.Count), ("limit", limit)),
            ],
            Remedies =
            [
                new Remedy("forget_closed_connections", RemedyKind.Grace, seen.Inside("conntrack -D -p tcp --state TIME_WAIT")),
                new Remedy("reuse_connections", RemedyKind.Application),
                new Remedy("widen_nat_ports", RemedyKind.Room, seen.Inside("nft -a list ruleset")),
                new Remedy("shorten_conntrack_time_wait", RemedyKind.Platform, HostCommand.Sysctl(seen, "net.netfilter.nf_conntrack_tcp_timeout_time_wait", "30")),
                new Remedy("more_nat_addresses", RemedyKind.Platform),
            ],
            Settings = ["net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_tcp_timeout_time_wait"],
        };
    }
}
