using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// Packets are dropped before any protocol saw them: the backlog of a processor is full (net/core/dev.c:enqueue_to_backlog). To a connection it is loss on the path, and no listener counts it.
/// Squeezes alone are no loss.
/// </summary>
internal sealed class SoftnetDropping() : Rule("softnet_dropping", Severity.Warning, Severity.Critical)
{
    private const ulong Least = 16_384;

    public override ImmutableArray<Input> Inputs => [Input.Softnet];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        // A handful in minutes is what any busy host has.
        if (seen.SockStat?.Softnet is not { } packets || seen.Memory.RiseOf(Observation.SoftnetDrops, seen.Thresholds.DropWindow) is not { PerSecond: > 0 } dropped)
        {
            return null;
        }

        ulong? limit = seen.SockStat.BacklogLimit;
        Rise? listenDrops = seen.Memory.RiseOf("ListenDrops", seen.Thresholds.DropWindow);
        return new Verdict(dropped.SeverityFor(seen.Thresholds), ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("softnet_dropped", ("count", (ulong)dropped.Count), ("over", dropped.Over), ("limit", (object?)limit ?? "?")),
                new Fact("softnet_where"),
                .. packets.Squeezed > 0 && seen.Memory.RiseOf(Observation.SoftnetSqueezes, seen.Thresholds.DropWindow) is { Count: > 0 } squeezed ? [new Fact("softnet_squeezed", ("count", (ulong)squeezed.Count), ("over", squeezed.Over))] : Array.Empty<Fact>(),
                .. listenDrops is { } listen ? [new Fact("softnet_and_listeners", ("count", (ulong)listen.Count), ("over", listen.Over))] : Array.Empty<Fact>(),
            ],
            Remedies = ExhaustingRule.InOrder(
            [
                .. HostCommand.Change(
                    new Remedy("raise_packet_backlog", RemedyKind.Room) { Values = [("limit", Math.Max(Least, (limit ?? 0) * 4))] },
                    HostCommand.Raise(seen, SettingCatalogue.PacketBacklog, Math.Max(Least, (limit ?? 0) * 4))),
                new Remedy("spread_packets", RemedyKind.Platform) { Commands = [ShellCommand.Of("cat", "/proc/softirqs"), ShellCommand.Of("cat", "/proc/net/softnet_stat")] },
            ]),
            Settings = [SettingCatalogue.PacketBacklog],
        };
    }
}
