using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

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

    /// <summary>Seconds: twice what a segment that was sent again is commonly under way.</summary>
    public const ulong Short = 15;

    public override ImmutableArray<Input> Inputs => [Input.States, Input.Census, Input.Ports];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        CensusReading.DestinationRow? worst = seen.Destinations.Where(row => row.Port != Labels.Other).MaxBy(row => row.TimeWait);
        if (worst is not null && seen.Ports is { UsableCount: > 0 } ports && Shares.Exceeds(worst.TimeWait / (double)ports.UsableCount, HalfThePorts, held < Severity.Warning ? null : held))
        {
            return Warn(seen, worst, ports.UsableCount);
        }

        ulong many = held is null ? Many : (ulong)(Many * (1 - Shares.Hysteresis));
        return seen.States is { } states && states[TcpState.TimeWait] >= many
            ? new Verdict(Severity.Info, ResourceInstance.Host)
            {
                Evidence = [new Fact("time_wait_total", ("waiting", states[TcpState.TimeWait]), ("established", states[TcpState.Established])), .. Length(seen), new Fact("time_wait_is_no_fault")],
                Settings = ["net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_tw_reuse"],
            }
            : null;
    }

    /// <summary>
    /// How long TIME_WAIT lasts in a network namespace: 60 s in the mainline kernel, a sysctl of the namespace in that of Alibaba Cloud Linux 2 and 3.
    /// Null where the kernel has the sysctl, or that is not known, and the namespace's own value was not read.
    /// </summary>
    public static TimeSpan? LengthOf(Observation seen) => seen.Census?.TimeWaitLength
        ?? (seen.Host.Settings is not { } settings ? null
        : settings.Number(SettingCatalogue.TimeWaitTimeout) is not { } seconds ? TimeWaitReuse.MainlineLength
        : seen.IsOwn ? TimeSpan.FromSeconds(seconds)
        : null);

    private static IEnumerable<Fact> Length(Observation seen) => LengthOf(seen) is { } length ? [new Fact("time_wait_length", ("length", length))] : [];

    /// <summary>Lets connect() take over TIME_WAIT. How much time that buys is not told: ports then come back at the rate at which connections close.</summary>
    /// <returns>None where it may already.</returns>
    public static IEnumerable<Remedy> ReuseOf(Observation seen, ulong waiting) => HostCommand.Change(
        new Remedy("reuse_time_wait", RemedyKind.Reuse) { Values = [("waiting", waiting)] },
        seen.NumberOf(SettingCatalogue.Timestamps) > 0 ? null : HostCommand.Set(seen, SettingCatalogue.Timestamps, 1),
        HostCommand.Set(seen, SettingCatalogue.TimeWaitReuse, 1));

    // Only where the kernel has it, and of our own namespace, whose setting was read.
    private static IEnumerable<Remedy> Shorter(Observation seen) => seen.Settings?.Number(SettingCatalogue.TimeWaitTimeout) is > Short and { } seconds
        ? HostCommand.Change(
            new Remedy("shorter_time_wait", RemedyKind.Reuse) { Values = [("length", TimeSpan.FromSeconds(seconds)), ("shorter", TimeSpan.FromSeconds(Short))] },
            HostCommand.Lower(seen, SettingCatalogue.TimeWaitTimeout, Short))
        : [];

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
                .. PortRoom.Wider(seen)?.Remedy(instance, RemedyKind.Room) ?? [],
                .. ReuseOf(seen, worst.TimeWait),
                .. Shorter(seen),
            ],
            Settings = ["net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_timestamps"],
        };
    }
}
