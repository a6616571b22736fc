using ConnExporter.Collectors;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// Very many sockets in TIME_WAIT. Tens of thousands are no fault; they are worth a warning only where they hold the ports towards one destination
/// (docs/kernel-facts.md §3).
/// </summary>
internal sealed class TimeWaitStorm() : Rule("time_wait_storm", Severity.Info, Severity.Warning)
{
    /// <summary>TIME_WAIT sockets that are worth a note.</summary>
    public const ulong Many = 10_000;

    private const double HalfThePorts = 0.5;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        CensusReading.DestinationRow? worst = seen.Census?.Destinations.Where(row => row.Port != Labels.Other).MaxBy(row => row.TimeWait);
        if (worst is not null && seen.Ports is { UsableCount: > 0 } ports && Shares.Exceeds(worst.TimeWait / (double)ports.UsableCount, HalfThePorts, held < Severity.Warning ? null : held))
        {
            return Warn(seen, worst, ports.UsableCount);
        }

        ulong many = held is null ? Many : (ulong)(Many * (1 - Shares.Hysteresis));
        return seen.States is { } states && states[TcpState.TimeWait] >= many
            ? new Verdict(Severity.Info, ResourceInstance.Host)
            {
                Evidence = [new Fact("time_wait_total", ("waiting", states[TcpState.TimeWait]), ("established", states[TcpState.Established])), new Fact("time_wait_is_no_fault")],
                Settings = ["net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_tw_reuse"],
            }
            : null;
    }

    private static Verdict Warn(Observation seen, CensusReading.DestinationRow worst, int usable)
    {
        string name = ResourceReadings.NameOf(worst);
        var instance = new ResourceInstance(ResourceKind.EphemeralPorts, seen.Netns, name, worst.TimeWait, usable);
        return new Verdict(Severity.Warning, name)
        {
            Evidence = [new Fact("time_wait_of_destination", ("instance", name), ("waiting", worst.TimeWait), ("usable", (ulong)usable), ("share", new Share(instance.UsedRatio)))],
            Holders = [.. seen.HoldersOfDestination(worst.Address, worst.Port).Take(3)],
            Remedies =
            [
                new Remedy("reuse_connections", RemedyKind.Application),
                .. PortRoom.Wider(seen) is { } wider ? (Remedy[])[wider.Remedy(instance, RemedyKind.Room)] : [],
                new Remedy("reuse_time_wait", RemedyKind.Reuse, HostCommand.Sysctl(seen, "net.ipv4.tcp_timestamps", "1"), HostCommand.Sysctl(seen, "net.ipv4.tcp_tw_reuse", "1"))
                {
                    Values = [("waiting", worst.TimeWait)],
                },
            ],
            Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"],
        };
    }
}
