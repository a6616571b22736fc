using System.Collections.Immutable;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Sockets that no process holds any more are near tcp_max_orphans: from there on closing a connection resets it (net/ipv4/tcp.c:tcp_check_oom).</summary>
internal sealed class OrphansExhausting() : ExhaustingRule("orphans_exhausting", ResourceKind.OrphanedSockets)
{
    // "Up to 64 KiB of memory that cannot be swapped" (Documentation/networking/ip-sysctl.rst, tcp_max_orphans).
    private const double OrphanBytes = 65_536;

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        ulong larger = (ulong)instance.Limit * 2;
        var raise = new Remedy("raise_max_orphans", severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room, HostCommand.SysctlOfHost("net.ipv4.tcp_max_orphans", $"{larger}"))
        {
            Values = [("limit", larger), ("memory", new Bytes(larger * OrphanBytes))],
            Buys = instance.TimeWonBy(larger),
        };
        var close = new Remedy("close_after_peer", RemedyKind.Application);
        var retries = new Remedy("fewer_orphan_retries", RemedyKind.Platform, HostCommand.Sysctl(seen, "net.ipv4.tcp_orphan_retries", "3"));
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("orphans", instance), .. Closing(seen), .. Aborted(seen)],
            Remedies = raise.Kind == RemedyKind.Grace ? [raise, close, retries] : [close, raise, retries],
            Settings = ["net.ipv4.tcp_max_orphans", "net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_fin_timeout"],
        };
    }

    private static ImmutableArray<Fact> Closing(Observation seen) => seen.States is { } states
        ? [new Fact("orphan_states", ("fin_wait1", states[TcpState.FinWait1]), ("last_ack", states[TcpState.LastAck]), ("closing", states[TcpState.Closing]))]
        : [];

    private static ImmutableArray<Fact> Aborted(Observation seen) => seen.Memory.RiseOf("TCPAbortOnMemory", seen.Thresholds.DropWindow) is { Count: > 0 } rise
        ? [new Fact("aborts_on_memory", ("count", (ulong)rise.Count), ("over", rise.Over))]
        : [];
}
