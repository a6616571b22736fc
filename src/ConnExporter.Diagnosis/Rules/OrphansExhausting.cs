using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Sockets that no process holds any more are near tcp_max_orphans: from there on closing a connection resets it (net/ipv4/tcp.c:tcp_check_oom).</summary>
internal sealed class OrphansExhausting() : ExhaustingRule("orphans_exhausting", ResourceKind.OrphanedSockets)
{
    // "Up to 64 KiB of memory that cannot be swapped" (Documentation/networking/ip-sysctl.rst, tcp_max_orphans).
    private const double OrphanBytes = 65_536;

    public override ImmutableArray<Input> Inputs => [Input.OrphanLimit, Input.Counter("TCPAbortOnMemory")];

    // What the kernel takes a 0 for (net/ipv4/tcp_timer.c:tcp_orphan_retries).
    private const ulong DefaultRetries = 8;

    // An orphan whose peer does not answer counts twice or fourfold (net/ipv4/tcp_timer.c:tcp_out_of_resources).
    private const double AbortsFrom = 0.25;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        // Both are the host's; the aborts are counted where the connections are.
        Rise? aborts = Aborts(seen);
        ResourceInstance? orphans = (seen.Find(ResourceKind.OrphanedSockets) ?? (aborts is null ? null : seen.Host.Find(ResourceKind.OrphanedSockets)))?.Worst;
        Severity? byShare = orphans is not null && seen.IsOwn ? SeverityOf(seen, orphans, held) : null;
        if (aborts is not { } aborted || IsOfMemory(seen))
        {
            return byShare is { } full ? Explain(seen, full, orphans!) : null;
        }

        // The kernel's own counter is the judge. Where neither orphans nor memory explain it, few are not worth a word.
        Severity severity = aborted.SeverityFor(seen.Thresholds) is var worse && !(byShare > worse) ? worse : byShare.Value;
        if (orphans is not null)
        {
            return orphans.PeakRatio >= AbortsFrom || byShare is not null ? Explain(seen, severity, orphans) : Unexplained(seen, aborted, orphans, severity);
        }

        return Unexplained(seen, aborted, orphans: null, severity);
    }

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance)
    {
        ulong larger = (ulong)instance.Roomy;
        var raise = new Remedy("raise_max_orphans", KindOfRoom(seen, severity, instance))
        {
            Values = [("limit", larger), ("memory", new Bytes(larger * OrphanBytes))],
            Buys = instance.TimeWonBy(larger),
        };
        var close = new Remedy("close_after_peer", RemedyKind.Application);
        return new Verdict(severity, instance.Name)
        {
            Evidence = [.. UsedAndForecast("orphans", instance), .. Closing(seen), .. Aborted(seen)],
            Remedies = InOrder(
            [
                close,
                .. HostCommand.Change(raise, HostCommand.Raise(seen, SettingCatalogue.MaxOrphans, larger)),
                .. HostCommand.Change(new Remedy("fewer_orphan_retries", RemedyKind.Platform), HostCommand.Lower(seen, SettingCatalogue.OrphanRetries, 3, DefaultRetries)),
            ]),
            Settings = ["net.ipv4.tcp_max_orphans", "net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_fin_timeout"],
        };
    }

    private static ImmutableArray<Fact> Closing(Observation seen) => seen.States is { } states
        ? [new Fact("orphan_states", ("fin_wait1", states[TcpState.FinWait1]), ("last_ack", states[TcpState.LastAck]), ("closing", states[TcpState.Closing]))]
        : [];

    private static ImmutableArray<Fact> Aborted(Observation seen) => Aborts(seen) is { } rise
        ? [new Fact("aborts_on_memory", ("count", (ulong)rise.Count), ("over", rise.Over))]
        : [];

    private static Rise? Aborts(Observation seen) => seen.Memory.RiseOf("TCPAbortOnMemory", seen.Thresholds.DropWindow) is { Count: > 0 } rise ? rise : null;

    // At the limit of tcp_mem the same counter rises: that is another finding.
    private static bool IsOfMemory(Observation seen) => seen.Host.Find(ResourceKind.TcpMemory)?.Worst is { PeakRatio: >= 1 };

    private static bool IsUnderPressure(Observation seen) =>
        seen.Host is { SockStat.Limits: { } limits } host && host.Find(ResourceKind.TcpMemory)?.Worst is { } memory && memory.PeakRatio * limits.LimitPages >= limits.PressurePages;

    private static Verdict? Unexplained(Observation seen, Rise aborted, ResourceInstance? orphans, Severity severity) => aborted.PerSecond > 0 && !IsUnderPressure(seen)
        ? new Verdict(severity, ResourceInstance.Host)
        {
            Evidence =
            [
                .. Aborted(seen),
                orphans is null
                    ? new Fact("orphans_without_limit", ("orphans", (object?)seen.SockStat?.Counts?.Orphans ?? "?"))
                    : new Fact("aborts_unexplained", ("orphans", (ulong)orphans.Peak), ("limit", (ulong)orphans.Limit)),
                .. Closing(seen),
            ],
            Remedies = [new Remedy("close_after_peer", RemedyKind.Application)],
            Settings = ["net.ipv4.tcp_max_orphans", "net.ipv4.tcp_mem"],
        }
        : null;
}
