using ConnExporter.Collectors;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// bind() to port 0 finds no free port: EADDRINUSE. What is bound is closed to every connect(), whatever its destination; what is merely connected is
/// closed to bind() alone, hence a note (docs/kernel-facts.md §3).
/// </summary>
internal sealed class EphemeralPortsBlockedByBind() : Rule("ephemeral_ports_blocked_by_bind", Severity.Info, Severity.Warning, Severity.Critical)
{
    private const int HoldersShown = 3;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Census is not { } census || seen.Ports is not { UsableCount: > 0 } ports)
        {
            return null;
        }

        double blocked = census.Blocked / (double)ports.UsableCount;
        double used = census.InUse / (double)ports.UsableCount;
        if ((Shares.SeverityOf(blocked, seen.Thresholds, held) ?? (Shares.Exceeds(used, seen.Thresholds.CriticalRatio, held) ? Severity.Info : null)) is not { } severity)
        {
            return null;
        }

        var instance = new ResourceInstance(ResourceKind.EphemeralPorts, seen.Netns, ResourceInstance.Host, census.Blocked, ports.UsableCount);
        return new Verdict(severity, ResourceInstance.Host)
        {
            Evidence =
            [
                severity == Severity.Info
                    ? new Fact("ports_used_for_bind", ("used", census.InUse), ("usable", (ulong)ports.UsableCount))
                    : new Fact("ports_blocked", ("blocked", census.Blocked), ("usable", (ulong)ports.UsableCount), ("share", new Share(blocked))),
            ],
            Holders = severity == Severity.Info ? [] : [.. Binders(census)],
            Remedies =
            [
                .. PortRoom.Wider(seen) is { } wider ? (Remedy[])[wider.Remedy(instance, severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room)] : [],
                new Remedy("bind_without_port", RemedyKind.Reuse),
            ],
            Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_autobind_reuse"],
        };
    }

    // A socket that is bound and not connected shows as CLOSE (Linux 6.8 and newer), one that listens as LISTEN.
    private static IEnumerable<Holder> Binders(CensusReading census) => census.Processes
        .Where(row => row.Process != Labels.Other)
        .Select(row => Holder.Of(row.Process, row.Unit) with { Count = row.States[(int)TcpState.Close] + row.States[(int)TcpState.Listen] })
        .Where(holder => holder.Count > 0)
        .OrderByDescending(holder => holder.Count)
        .Take(HoldersShown);
}
