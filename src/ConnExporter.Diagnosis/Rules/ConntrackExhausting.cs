using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The connection tracking table fills up: packets of new connections are dropped then. Where nf_conntrack_max is 0 there is no limit and no finding (docs/kernel-facts.md §4).</summary>
internal sealed class ConntrackExhausting() : ExhaustingRule("conntrack_exhausting", ResourceKind.ConntrackEntries)
{
    public override ImmutableArray<Input> Inputs => [Input.Conntrack, Input.ConntrackLimit];

    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance) => new(severity, instance.Name)
    {
        Evidence = UsedAndForecast("conntrack_entries", instance),
        Remedies = ExhaustingRule.InOrder(ConntrackRoom.Remedies(seen, KindOfRoom(seen, severity, instance), instance)),
        Settings = ConntrackRoom.Settings,
    };
}

/// <summary>What makes room in the table.</summary>
internal static class ConntrackRoom
{
    // An entry with its extensions, and a bucket of the hash table.
    private const double EntryBytes = 350;
    private const double BucketBytes = 8;
    private const ulong ClosedSeconds = 30;
    private const ulong IdleSeconds = 86_400;

    public static readonly System.Collections.Immutable.ImmutableArray<string> Settings =
    [
        "net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_tcp_timeout_established", "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
    ];

    /// <summary>Remedies for a table that is full or will be, in no order.</summary>
    public static IEnumerable<Remedy> Remedies(Observation seen, RemedyKind kind, ResourceInstance table)
    {
        ulong larger = (ulong)table.Roomy;
        ulong buckets = Math.Max(seen.NumberOf(SettingCatalogue.ConntrackBuckets) ?? 0, larger / 4);
        return
        [
            .. HostCommand.Change(
                new Remedy("raise_conntrack_max", kind)
                {
                    Values = [("limit", larger), ("memory", new Bytes((larger * EntryBytes) + (buckets * BucketBytes)))],
                    Buys = table.TimeWonBy(larger),
                },
                HostCommand.Raise(seen, SettingCatalogue.ConntrackBuckets, buckets),
                HostCommand.Raise(seen, SettingCatalogue.ConntrackMax, larger)),
            new Remedy("reuse_connections", RemedyKind.Application),
            .. HostCommand.Change(
                new Remedy("shorten_conntrack_timeouts", RemedyKind.Platform),
                HostCommand.Lower(seen, SettingCatalogue.ConntrackTimeWait, ClosedSeconds),

                // Not below what keepalive takes: that would be another finding.
                HostCommand.Lower(seen, SettingCatalogue.ConntrackEstablished, Math.Max(IdleSeconds, ConntrackTimeoutBelowKeepalive.Enough(seen) ?? 0))),
            Untracked(seen),
        ];
    }

    // For traffic that this host answers itself, the busiest listener is the example; a gateway knows best what of its traffic needs no tracking.
    private static Remedy Untracked(Observation seen) =>
        seen.Census?.Listeners.Where(row => row.Port != Labels.Other && row.Established > 0).MaxBy(row => row.Established) is { } busiest
            ? new Remedy(
                "do_not_track",
                RemedyKind.Platform,
                seen.Inside(ShellCommand.Of("nft", "add", "table", "inet", "untracked")),
                seen.Inside(ShellCommand.Of("nft", "add chain inet untracked in { type filter hook prerouting priority raw; }")),
                seen.Inside(ShellCommand.Of("nft", "add chain inet untracked out { type filter hook output priority raw; }")),
                seen.Inside(ShellCommand.Of("nft", "add", "rule", "inet", "untracked", "in", "tcp", "dport", busiest.Port, "notrack")),
                seen.Inside(ShellCommand.Of("nft", "add", "rule", "inet", "untracked", "out", "tcp", "sport", busiest.Port, "notrack")))
            : new Remedy("do_not_track", RemedyKind.Platform);
}
