using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Probes;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>connect() to one destination finds no free port: EADDRNOTAVAIL. No counter of the kernel moves; only the census shows it (docs/kernel-facts.md §3).</summary>
internal sealed class EphemeralPortsExhausting() : ExhaustingRule("ephemeral_ports_exhausting", ResourceKind.EphemeralPorts)
{
    private const int HoldersShown = 3;

    // A smaller share of TIME_WAIT is no lever.
    private const double TimeWaitMatters = 0.1;

    public override ImmutableArray<Input> Inputs => [Input.Ports, Input.Census];

    public override ImmutableArray<string> Causes => ["ephemeral_ports_blocked_by_bind", "time_wait_storm"];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        CensusReading.DestinationRow? row = RowOf(seen, instance);
        ImmutableArray<Holder> holders = row is null ? [] : [.. seen.HoldersOfDestination(row.Address, row.Port).Take(HoldersShown)];
        return new Verdict(severity, instance.Name)
        {
            IsUnproven = !HasFailed(seen, instance) && instance.UsedRatio < seen.Thresholds.WarningRatio - Shares.Hysteresis && instance.Exhaustion is null,
            IsUsedUp = instance.UsedRatio >= 1,
            Evidence = [.. UsedAndForecast("ports_of_destination", instance), .. row is null ? [] : SymptomProof.OfPort(seen, row.Port), .. Kinds(seen, row), .. Unproven(instance, row)],
            Holders = holders.IsEmpty && instance.Holder is { } holder ? [holder] : holders,
            Remedies = InOrder(Remedies(seen, severity, instance, row)),
            Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"],
        };
    }

    // What is likely counts as a warning, as does what may be where nothing tells; critical is only what is proven or what the kernel said.
    protected override Severity? SeverityOf(Observation seen, ResourceInstance instance, Severity? held)
    {
        Severity? proven = HasFailed(seen, instance) ? Severity.Critical : base.SeverityOf(seen, instance, held);
        bool isUnclear = instance.LikelyRatio is { } likely
            ? Shares.Exceeds(likely, seen.Thresholds.WarningRatio, held)
            : Shares.Exceeds(instance.PossibleRatio, seen.Thresholds.CriticalRatio, held);
        return proven ?? (isUnclear ? Severity.Warning : null);
    }

    // Counted as it happened, which needs no share: that enough may be taken says that it was towards this destination.
    private static bool HasFailed(Observation seen, ResourceInstance instance) =>
        instance.PossibleRatio >= seen.Thresholds.WarningRatio && RowOf(seen, instance) is { } row && SymptomProof.WithoutPort(seen, row.Port) is not null;

    private static CensusReading.DestinationRow? RowOf(Observation seen, ResourceInstance instance) => seen.Destinations.FirstOrDefault(row => ResourceReadings.NameOf(row) == instance.Name);

    private static IEnumerable<Fact> Kinds(Observation seen, CensusReading.DestinationRow? row)
    {
        if (row is not null)
        {
            yield return new Fact("ports_by_kind", ("live", row.Live), ("waiting", row.TimeWait));
            if (row.Error > 0)
            {
                yield return new Fact("ports_estimated", ("error", row.Error));
            }

            if (row.ReusableTimeWait > 0)
            {
                yield return new Fact("time_wait_reusable", ("reusable", row.ReusableTimeWait));
            }

            if (row.UnprovenTimeWait > 0)
            {
                yield return new Fact("time_wait_unproven", ("unproven", row.UnprovenTimeWait));
                if (seen.Memory.RiseOf("TWRecycled", seen.Thresholds.DropWindow) is { } rise)
                {
                    yield return new Fact("time_wait_recycled", ("count", (ulong)rise.Count), ("over", rise.Over));
                }
            }
        }

        if (seen.Census is { Blocked: > 0 } census)
        {
            yield return new Fact("ports_blocked_too", ("blocked", census.Blocked));
        }
    }

    private static IEnumerable<Fact> Unproven(ResourceInstance instance, CensusReading.DestinationRow? row)
    {
        if (row is null)
        {
            yield break;
        }

        if (row.BoundElsewhere > 0)
        {
            yield return new Fact("ports_refused", ("refused", row.BoundElsewhere));
        }

        if (row.Room == PortAnswer.None)
        {
            yield return new Fact("ports_none_left");
            yield break;
        }

        if (instance.Possible > instance.Used)
        {
            yield return new Fact("ports_possibly_taken", ("possible", (ulong)instance.Possible), ("limit", (ulong)instance.Limit), ("open", (ulong)(instance.Possible - instance.Used)));
            yield return instance.Likely is { } likely ? new Fact("ports_likely_taken", ("likely", (ulong)likely), ("limit", (ulong)instance.Limit)) : new Fact("ports_not_told");
        }

        if (row.Room == PortAnswer.Found)
        {
            yield return new Fact("ports_some_left");
        }
    }

    private static IEnumerable<Remedy> Remedies(Observation seen, Severity severity, ResourceInstance instance, CensusReading.DestinationRow? row)
    {
        bool timeWaitMatters = row is not null && row.TimeWait > instance.Used * TimeWaitMatters;
        RemedyKind room = KindOfRoom(seen, severity, instance);
        foreach (Remedy wider in PortRoom.Wider(seen)?.Remedy(instance, room) ?? [])
        {
            yield return wider;
        }

        if (room == RemedyKind.Grace && timeWaitMatters)
        {
            // As narrow as it can be: this state, this source, this destination.
            yield return new Remedy("kill_time_wait", RemedyKind.Grace, seen.Inside(ShellCommand.Of("ss", "-K", "-t", "state", "time-wait", "src", Address(row!.Source), "dst", InetAddress.WithPort(row.Address, row.Port))))
            {
                Values = [("waiting", row.TimeWait)],
            };
        }

        yield return new Remedy("reuse_connections", RemedyKind.Application);
        yield return new Remedy("more_addresses", RemedyKind.Room) { Values = [("usable", (ulong)instance.Limit)], Buys = instance.TimeWonBy(instance.Limit * 2) };
        foreach (Remedy reuse in timeWaitMatters ? TimeWaitStorm.ReuseOf(seen, row!.TimeWait) : [])
        {
            yield return reuse;
        }

        yield return new Remedy("balance_load", RemedyKind.Platform);
    }

    private static string Address(string address) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
}
