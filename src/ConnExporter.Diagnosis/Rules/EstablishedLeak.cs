using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Connections are opened and never closed, though they are idle: a pool without a bound, a missing timeout, peers that vanished and no keepalive.</summary>
internal sealed class EstablishedLeak() : Rule("established_leak", Severity.Warning, Severity.Critical)
{
    private const double LeastGrowth = 50;

    // Of what was opened this share must have stayed open; with less the traffic grows and nothing leaks.
    private const double StaysOpen = 0.05;

    // Of what stayed open this share must be idle.
    private const double Idle = 0.5;
    private static readonly TimeSpan CountersReach = TimeSpan.FromMinutes(5);

    // Growth without an end in sight wakes nobody.
    private static readonly TimeSpan Soon = TimeSpan.FromDays(1);
    private static readonly ImmutableArray<ResourceKind> Held =
        [ResourceKind.ProcessFileDescriptors, ResourceKind.FileDescriptors, ResourceKind.EphemeralPorts, ResourceKind.ConntrackEntries, ResourceKind.TcpMemory];

    public override ImmutableArray<Input> Inputs => [Input.States, Input.Counter("ActiveOpens"), Input.Counter("PassiveOpens")];

    public override bool MustLast => false;

    public override bool NeedsHistory => true;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (LastingGrowth.Of(seen.Memory, "established", seen.Thresholds.LeakGrowth, LeastGrowth) is not { } growth || Proof(seen, growth) is not { } proof)
        {
            return null;
        }

        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.Established, TcpState.Established);
        ResourceInstance? first = seen.Resources.Concat(seen.Host.Resources).Where(resource => Held.Contains(resource.Kind)).Select(resource => resource.FirstToGo).OfType<ResourceInstance>()
            .Where(instance => instance.Exhaustion < Soon).MinBy(instance => instance.Exhaustion);
        return new Verdict(first is null ? Severity.Warning : Severity.Critical, SocketHolding.InstanceOf(holders))
        {
            Evidence =
            [
                new Fact("established_grows", ("from", (ulong)growth.From), ("to", (ulong)growth.To), ("over", growth.Over)),
                proof,
                .. first is null ? Array.Empty<Fact>() : [new Fact("leak_uses_up", ("resource", first.Kind.Label()), ("instance", first.Name), ("left", first.Exhaustion!.Value))],
                .. SocketHolding.Facts("established_of_process", holders),
            ],
            Holders = holders,
            Remedies =
            [
                new Remedy("close_idle_connections", RemedyKind.Application),
                .. HostCommand.Change(
                    new Remedy("keepalive_finds_dead_peers", RemedyKind.Room),
                    HostCommand.Lower(seen, SettingCatalogue.KeepaliveTime, 600),
                    HostCommand.Lower(seen, SettingCatalogue.KeepaliveInterval, 30),
                    HostCommand.Lower(seen, SettingCatalogue.KeepaliveProbes, 5)),
            ],
            Settings = ["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"],
        };
    }

    // Growth alone is what every morning brings. Where the census asks for idle times they decide, else what was opened and did not close.
    private static Fact? Proof(Observation seen, LastingGrowth growth)
    {
        HistoryPoint[] idle = seen.Memory.HistoryOf("idle", growth.Over);
        if (idle.Length > 0)
        {
            return idle[^1].Value - idle[0].Value >= (growth.To - growth.From) * Idle
                ? new Fact("idle_grows", ("from", (ulong)idle[0].Value), ("to", (ulong)idle[^1].Value))
                : null;
        }

        TimeSpan window = growth.Over < CountersReach ? growth.Over : CountersReach;
        double opened = RiseOf(seen, "ActiveOpens", window) + RiseOf(seen, "PassiveOpens", window) - RiseOf(seen, "AttemptFails", window) - RiseOf(seen, Observation.UnansweredProbes, window);
        HistoryPoint[] open = seen.Memory.HistoryOf("established", window);
        double stayed = open.Length > 0 ? open[^1].Value - open[0].Value : 0;
        return opened > 0 && stayed >= opened * StaysOpen
            ? new Fact("closes_lag_behind", ("opened", (ulong)opened), ("closed", (ulong)Math.Max(0, opened - stayed)), ("over", window))
            : null;
    }

    private static double RiseOf(Observation seen, string counter, TimeSpan window) => seen.Memory.RiseOf(counter, window)?.Count ?? 0;
}
