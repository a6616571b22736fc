using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// New entries cannot be inserted into a connection tracking table that has room, and their packets are lost. The kernel counts one cause by itself: hash chains
/// that are too long. The others it does not tell apart: two packets of one flow at once (DNS through DNAT), two flows that NAT gave the same port at once, NAT
/// without a free port (<see cref="NatPortsExhausting"/>, where the table shows it).
/// </summary>
internal sealed class ConntrackInsertionsFailing() : Rule("conntrack_insertions_failing", Severity.Info, Severity.Warning)
{
    // Of what failed so much must have failed for the chains, to be about them.
    private const double MostlyChains = 0.5;
    private const ulong MoreBuckets = 4;

    public override ImmutableArray<Input> Inputs => [Input.Conntrack, Input.ConntrackCounters];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        TimeSpan window = seen.Thresholds.DropWindow;
        if (seen.Conntrack is not { } table || table.Nat?.IsExhausted == true || seen.Memory.RiseOf("conntrack.insert_failed", window) is not { Count: > 0 } failed)
        {
            return null;
        }

        Rise? chains = seen.Memory.RiseOf("conntrack.chains_too_long", window) is { Count: > 0 } rise ? rise : null;
        bool isChains = chains?.Count >= failed.Count * MostlyChains;
        Rise? resolved = seen.Memory.RiseOf("conntrack.clashes_resolved", window) is { Count: > 0 } clashes ? clashes : null;

        // Races cost a packet now and then on every gateway. Chains that are too long stay.
        return new Verdict(failed.SeverityFor(seen.Thresholds) == Severity.Critical ? Severity.Warning : Severity.Info, ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("insertions_failed", ("failed", (ulong)failed.Count), ("over", failed.Over)),
                .. chains is { } known ? [new Fact("chains_too_long", ("count", (ulong)known.Count), ("entries", table.Count), ("buckets", (object?)table.BucketCount ?? "?"))] : Array.Empty<Fact>(),
                .. isChains ? Array.Empty<Fact>() : [new Fact("insertions_race")],

                // Before Linux 6.1 a kernel can have the limit and not tell of it.
                .. table.Statistics?.ChainsTooLong is null ? [new Fact("chains_unknown", ("entries", table.Count), ("buckets", (object?)table.BucketCount ?? "?"))] : Array.Empty<Fact>(),
                .. resolved is { } sorted ? [new Fact("clashes_resolved", ("count", (ulong)sorted.Count))] : Array.Empty<Fact>(),
                .. isChains ? Array.Empty<Fact>() : [Ports(table)],
                .. Room(seen, table),
            ],
            Remedies = [.. isChains ? Buckets(seen, table) : Races()],
            Settings = ["net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_max"],
        };
    }

    /// <summary>That the table is not what is full.</summary>
    public static IEnumerable<Fact> Room(Observation seen, ConntrackReading table) => (table.Max ?? seen.Host.Conntrack?.Max) switch
    {
        null => [],
        0 => [new Fact("conntrack_without_limit", ("used", table.Count))],
        { } limit when table.Count < limit * ConntrackDropping.Full => [new Fact("conntrack_has_room", ("used", table.Count), ("limit", limit))],
        _ => [],
    };

    private static Fact Ports(ConntrackReading table) => table.Nat switch
    {
        null => new Fact("nat_ports_unknown"),
        { Worst: { } worst } => new Fact(
            "nat_ports_left",
            ("taken", worst.Taken),
            ("source", worst.Source.ToString()),
            ("destination", $"{InetAddress.WithPort(worst.Destination.ToString(), $"{worst.Port}")} {worst.Protocol}")),
        { } nat => new Fact("nat_not_in_use", ("entries", nat.Entries)),
    };

    private static IEnumerable<Remedy> Buckets(Observation seen, ConntrackReading table)
    {
        ulong buckets = Math.Max(seen.NumberOf(SettingCatalogue.ConntrackBuckets) ?? 0, Math.Max(table.Count, 16_384)) * MoreBuckets;
        return HostCommand.Change(
            new Remedy("more_conntrack_buckets", RemedyKind.Room) { Values = [("buckets", buckets), ("memory", new Bytes(buckets * 8.0))] },
            HostCommand.Raise(seen, SettingCatalogue.ConntrackBuckets, buckets));
    }

    private static IEnumerable<Remedy> Races()
    {
        yield return new Remedy("dns_one_at_a_time", RemedyKind.Application);
        yield return new Remedy("masquerade_fully_random", RemedyKind.Platform);
    }
}
