using System.Globalization;
using ConnExporter.Collectors;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The connection tracking table fills up: packets of new connections are dropped then. Where nf_conntrack_max is 0 there is no limit and no finding (docs/kernel-facts.md §4).</summary>
internal sealed class ConntrackExhausting() : ExhaustingRule("conntrack_exhausting", ResourceKind.ConntrackEntries)
{
    protected override Verdict Explain(Observation seen, Severity severity, ResourceInstance instance) => new(severity, instance.Name)
    {
        Evidence = UsedAndForecast("conntrack_entries", instance),
        Remedies = [.. ConntrackRoom.Remedies(seen, severity, instance)],
        Settings = ConntrackRoom.Settings,
    };
}

/// <summary>What makes room in the table.</summary>
internal static class ConntrackRoom
{
    // An entry with its extensions, and a bucket of the hash table.
    private const double EntryBytes = 350;
    private const double BucketBytes = 8;

    public static readonly System.Collections.Immutable.ImmutableArray<string> Settings =
    [
        "net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_tcp_timeout_established", "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
    ];

    /// <summary>Remedies for a table that is full or will be.</summary>
    public static IEnumerable<Remedy> Remedies(Observation seen, Severity severity, ResourceInstance table)
    {
        ulong larger = (ulong)table.Limit * 2;
        ulong buckets = Math.Max(seen.Host.Conntrack?.BucketCount ?? 0, larger / 4);
        var raise = new Remedy(
            "raise_conntrack_max",
            severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room,
            HostCommand.SysctlOfHost("net.netfilter.nf_conntrack_buckets", buckets.ToString(CultureInfo.InvariantCulture)),
            HostCommand.SysctlOfHost("net.netfilter.nf_conntrack_max", larger.ToString(CultureInfo.InvariantCulture)))
        {
            Values = [("limit", larger), ("memory", new Bytes((larger * EntryBytes) + (buckets * BucketBytes)))],
            Buys = table.GrowthPerSecond is { } growth ? TimeSpan.FromSeconds(table.Limit / growth) : null,
        };
        if (raise.Kind == RemedyKind.Grace)
        {
            yield return raise;
        }

        yield return new Remedy("reuse_connections", RemedyKind.Application);
        if (raise.Kind == RemedyKind.Room)
        {
            yield return raise;
        }

        yield return new Remedy(
            "shorten_conntrack_timeouts",
            RemedyKind.Platform,
            HostCommand.Sysctl(seen, "net.netfilter.nf_conntrack_tcp_timeout_time_wait", "30"),
            HostCommand.Sysctl(seen, "net.netfilter.nf_conntrack_tcp_timeout_established", "86400"));
        yield return Untracked(seen);
    }

    // For traffic that this host answers itself, the busiest listener is the example; a gateway knows best what of its traffic needs no tracking.
    private static Remedy Untracked(Observation seen) =>
        seen.Census?.Listeners.Where(row => row.Port != Labels.Other && row.Established > 0).MaxBy(row => row.Established) is { } busiest
            ? new Remedy(
                "do_not_track",
                RemedyKind.Platform,
                seen.Inside("nft add table inet untracked"),
                seen.Inside("nft 'add chain inet untracked in { type filter hook prerouting priority raw; }'"),
                seen.Inside("nft 'add chain inet untracked out { type filter hook output priority raw; }'"),
                seen.Inside($"nft add rule inet untracked in tcp dport {busiest.Port} notrack"),
                seen.Inside($"nft add rule inet untracked out tcp sport {busiest.Port} notrack"))
            : new Remedy("do_not_track", RemedyKind.Platform);
}
