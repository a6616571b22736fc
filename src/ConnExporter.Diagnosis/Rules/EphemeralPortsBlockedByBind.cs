using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// bind() to port 0 finds no free port: EADDRINUSE. What is bound is closed to every connect(), whatever its destination, also once it is connected, and
/// in TIME_WAIT; what connect() chose is closed to bind() alone. No record tells the two apart: the kernel is asked (docs/kernel-facts.md §3).
/// </summary>
internal sealed class EphemeralPortsBlockedByBind() : Rule("ephemeral_ports_blocked_by_bind", Severity.Info, Severity.Warning, Severity.Critical)
{
    private const int HoldersShown = 3;
    private static readonly ImmutableArray<string> Sysctls = ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_autobind_reuse"];

    public override ImmutableArray<Input> Inputs => [Input.Ports, Input.BoundPorts];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Ports is { UsableCount: 0 } none)
        {
            return AllReserved(seen, none);
        }

        if (seen.Census is not { } census || seen.Ports is not { } ports)
        {
            return null;
        }

        // What is bound but not shown, and what is bound and connected, shows when the kernel is asked.
        ulong known = census.Anybody == PortAnswer.None ? (ulong)ports.UsableCount : Math.Min((ulong)ports.UsableCount, census.Blocked + census.Refused);
        double blocked = known / (double)ports.UsableCount;
        double used = census.InUse / (double)ports.UsableCount;
        bool isUsedUp = Shares.Exceeds(used, seen.Thresholds.CriticalRatio, held);
        Severity? proven = Shares.SeverityOf(blocked, seen.Thresholds, held);
        if ((proven ?? (!isUsedUp ? null : census.Anybody == PortAnswer.Unknown ? Severity.Warning : Severity.Info)) is not { } severity)
        {
            return null;
        }

        var instance = new ResourceInstance(ResourceKind.EphemeralPorts, seen.Netns, ResourceInstance.Host, known, ports.UsableCount);
        return new Verdict(severity, ResourceInstance.Host)
        {
            IsUnproven = proven is null,
            IsUsedUp = census.Anybody == PortAnswer.None,
            Evidence = [.. Evidence(census, ports, proven is null, known)],
            Holders = severity == Severity.Info ? [] : [.. Binders(census)],
            Remedies =
            [
                .. PortRoom.Wider(seen)?.Remedy(instance, severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room) ?? [],
                new Remedy("bind_without_port", RemedyKind.Reuse),
            ],
            Settings = Sysctls,
        };
    }

    // Known from the settings alone, whoever holds what. IP_LOCAL_PORT_RANGE of a socket only narrows the range.
    private static Verdict AllReserved(Observation seen, PortsReading ports) => new(Severity.Critical, ResourceInstance.Host)
    {
        IsReserved = true,
        IsUsedUp = true,
        Evidence = [new Fact("ports_all_reserved", ("range", $"{ports.Range.First}–{ports.Range.Last}"), ("count", (ulong)ports.Range.Count))],
        Remedies =
        [
            .. PortRoom.Wider(seen)?.Remedy(new ResourceInstance(ResourceKind.EphemeralPorts, seen.Netns, ResourceInstance.Host, 0, 0), RemedyKind.Grace) ?? [],
            new Remedy("reserve_fewer_ports", RemedyKind.Room),
        ],
        Settings = Sysctls,
    };

    private static IEnumerable<Fact> Evidence(CensusReading census, PortsReading ports, bool isUnproven, ulong known)
    {
        ulong usable = (ulong)ports.UsableCount;
        if (census.Anybody == PortAnswer.None)
        {
            yield return new Fact("ports_none_for_anybody");
        }

        yield return isUnproven
            ? new Fact("ports_used_for_bind", ("used", census.InUse), ("usable", usable))
            : new Fact("ports_blocked", ("blocked", known), ("usable", usable), ("share", new Share(known / (double)usable)));
        if (census.Anybody == PortAnswer.None)
        {
            yield return new Fact("ports_seen_blocked", ("blocked", census.Blocked), ("used", census.InUse));
        }

        if (isUnproven)
        {
            yield return census.Anybody == PortAnswer.Found ? new Fact("ports_found_for_others") : new Fact("ports_not_asked");
        }
    }

    // A socket that is bound and not connected shows as CLOSE (Linux 6.8 and newer), one that listens as LISTEN.
    private static IEnumerable<Holder> Binders(CensusReading census) => census.Processes
        .Where(row => row.Process != Labels.Other)
        .Select(row => Holder.Of(row.Process, row.Unit) with { Count = row.States[(int)TcpState.Close] + row.States[(int)TcpState.Listen] })
        .Where(holder => holder.Count > 0)
        .OrderByDescending(holder => holder.Count)
        .Take(HoldersShown);
}
