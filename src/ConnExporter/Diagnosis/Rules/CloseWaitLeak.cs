using System.Collections.Immutable;
using ConnExporter.Census;
using ConnExporter.Collectors;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The peer has closed, the application does not: each such socket keeps a descriptor for as long as the process lives. No sysctl changes that.</summary>
internal sealed class CloseWaitLeak() : Rule("close_wait_leak", Severity.Warning, Severity.Critical)
{
    private const double Hysteresis = 0.8;
    private const double LeastGrowth = 20;

    // What is older than the threshold has lasted.
    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        Thresholds thresholds = seen.Thresholds;
        if (seen.Census is not { } census || OldOnes(seen, census) is not { } old || old < thresholds.CloseWaitWarning * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        LastingGrowth? growth = LastingGrowth.Of(seen.Memory, "close_wait", thresholds.LeakGrowth, LeastGrowth);
        bool critical = growth is not null || old >= thresholds.CloseWaitCritical * (held == Severity.Critical ? Hysteresis : 1);
        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.CloseWait, TcpState.CloseWait);
        return new Verdict(critical ? Severity.Critical : Severity.Warning, SocketHolding.InstanceOf(holders))
        {
            Evidence =
            [
                new Fact("close_wait_old", ("count", old), ("age", thresholds.CloseWaitAge), ("oldest", census.OldestCloseWait ?? thresholds.CloseWaitAge)),
                .. growth is { } rise ? [new Fact("close_wait_grows", ("from", (ulong)rise.From), ("to", (ulong)rise.To), ("over", rise.Over))] : Array.Empty<Fact>(),
                .. census.Holders.Where(row => row.Kind == HeldSockets.CloseWait).Take(holders.Length)
                    .Select(row => new Fact("close_wait_of_process", ("process", row.Owner.Name), ("pid", $"{row.Owner.Pid}"), ("count", row.Count), ("oldest", row.Oldest ?? TimeSpan.Zero))),
                .. Place(census) is { } place ? [new Fact(place.Inbound ? "close_wait_of_listener" : "close_wait_to_port", ("port", place.Port), ("count", place.Count))] : Array.Empty<Fact>(),
            ],
            Holders = holders,
            Remedies = [Kill(seen, census), new Remedy("close_after_peer", RemedyKind.Application)],
        };
    }

    private static ulong? OldOnes(Observation seen, CensusReading census) => census.CloseWaitAges is { } ages ? ages.CountFrom(seen.Thresholds.CloseWaitAge)
        : census.OldestCloseWait >= seen.Thresholds.CloseWaitAge ? seen.States?[TcpState.CloseWait]
        : null;

    private static Remedy Kill(Observation seen, CensusReading census)
    {
        string filter = Place(census) is { } place ? $" '{(place.Inbound ? "sport" : "dport")} = :{place.Port}'" : "";
        return new Remedy("kill_close_wait", RemedyKind.Grace, seen.Inside("ss -tnpoe state close-wait"), seen.Inside($"ss -K -t state close-wait{filter}"));
    }

    // Where most of them are: behind a listener, or towards a port.
    private static (bool Inbound, string Port, ulong Count)? Place(CensusReading census)
    {
        IEnumerable<(bool Inbound, string Port, ulong Count)> inbound = census.Listeners.GroupBy(row => row.Port).Select(group => (true, group.Key, group.Aggregate(0ul, (sum, row) => sum + row.CloseWait)));
        IEnumerable<(bool Inbound, string Port, ulong Count)> outbound = census.RemotePorts.Where(row => row.Key != Labels.Other).Select(row => (false, row.Key, row.States[(int)TcpState.CloseWait]));
        (bool Inbound, string Port, ulong Count) most = inbound.Concat(outbound).DefaultIfEmpty().MaxBy(place => place.Count);
        return most.Count > 0 ? most : null;
    }
}
