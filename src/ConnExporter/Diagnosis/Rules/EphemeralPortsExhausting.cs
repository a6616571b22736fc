using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>connect() to one destination finds no free port: EADDRNOTAVAIL. No counter of the kernel moves; only the census shows it (docs/kernel-facts.md §3).</summary>
internal sealed class EphemeralPortsExhausting() : ExhaustingRule("ephemeral_ports_exhausting", ResourceKind.EphemeralPorts)
{
    private const int HoldersShown = 3;

    // A smaller share of TIME_WAIT is no lever.
    private const double TimeWaitMatters = 0.1;

    public override ImmutableArray<string> Causes => ["ephemeral_ports_blocked_by_bind", "time_wait_storm"];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        CensusReading.DestinationRow? row = seen.Census?.Destinations.FirstOrDefault(row => ResourceReadings.NameOf(row) == instance.Name);
        ImmutableArray<Holder> holders = row is null ? [] : [.. seen.HoldersOfDestination(row.Address, row.Port).Take(HoldersShown)];
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("ports_of_destination", instance), .. Kinds(seen, row)],
            Holders = holders.IsEmpty && instance.Holder is { } holder ? [holder] : holders,
            Remedies = [.. Remedies(seen, severity, instance, row)],
            Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"],
        };
    }

    private static IEnumerable<Fact> Kinds(Observation seen, CensusReading.DestinationRow? row)
    {
        if (row is not null)
        {
            yield return new Fact("ports_by_kind", ("live", row.Live), ("waiting", row.TimeWait), ("reusable", row.ReusableTimeWait));
        }

        if (seen.Census is { Blocked: > 0 } census)
        {
            yield return new Fact("ports_blocked_too", ("blocked", census.Blocked));
        }
    }

    private static IEnumerable<Remedy> Remedies(Observation seen, Severity severity, ResourceInstance instance, CensusReading.DestinationRow? row)
    {
        bool timeWaitMatters = row is not null && row.TimeWait > instance.Used * TimeWaitMatters;
        var wider = PortRoom.Wider(seen);
        if (severity == Severity.Critical)
        {
            if (wider is not null)
            {
                yield return wider.Remedy(instance, RemedyKind.Grace);
            }

            if (timeWaitMatters)
            {
                // As narrow as it can be: this state, this source, this destination.
                yield return new Remedy("kill_time_wait", RemedyKind.Grace, seen.Inside($"ss -K -t state time-wait src '{Address(row!.Source)}' dst '{ResourceReadings.Endpoint(row.Address, row.Port)}'"))
                {
                    Values = [("waiting", row.TimeWait)],
                };
            }
        }

        yield return new Remedy("reuse_connections", RemedyKind.Application);
        if (severity != Severity.Critical && wider is not null)
        {
            yield return wider.Remedy(instance, RemedyKind.Room);
        }

        yield return new Remedy("more_addresses", RemedyKind.Room) { Values = [("usable", (ulong)instance.Limit)], Buys = instance.TimeWonBy(instance.Limit * 2) };
        if (timeWaitMatters)
        {
            yield return new Remedy("reuse_time_wait", RemedyKind.Reuse, HostCommand.Sysctl(seen, "net.ipv4.tcp_timestamps", "1"), HostCommand.Sysctl(seen, "net.ipv4.tcp_tw_reuse", "1"))
            {
                Values = [("waiting", row!.TimeWait)],
                Buys = instance.TimeWonBy(instance.Limit + row.TimeWait),
            };
        }

        yield return new Remedy("balance_load", RemedyKind.Platform);
    }

    private static string Address(string address) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
}
