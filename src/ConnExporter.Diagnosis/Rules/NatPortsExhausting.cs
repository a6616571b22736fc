using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// Source NAT finds no free port: the new entry cannot be inserted and its packet is dropped, while the table has room. A larger one does nothing. That
/// insertions fail is no proof (<see cref="ConntrackInsertionsFailing"/>): the entries by translated source and destination are (docs/kernel-facts.md §12).
/// </summary>
internal sealed class NatPortsExhausting() : Rule("nat_ports_exhausting", Severity.Warning, Severity.Critical)
{
    public override ImmutableArray<Input> Inputs => [Input.Conntrack, Input.ConntrackCounters];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Conntrack is not { Nat: { IsExhausted: true, Worst: { } worst } } table
            || seen.Memory.RiseOf("conntrack.insert_failed", seen.Thresholds.DropWindow) is not { Count: > 0 } failed)
        {
            return null;
        }

        string destination = InetAddress.WithPort(worst.Destination.ToString(), $"{worst.Port}");
        return new Verdict(failed.SeverityFor(seen.Thresholds), $"{destination} from {worst.Source}")
        {
            Evidence =
            [
                new Fact("nat_ports_taken", ("taken", worst.Taken), ("source", worst.Source.ToString()), ("destination", $"{destination} {worst.Protocol}"), ("first", $"{worst.First}"), ("last", $"{worst.Last}"), ("limit", worst.Limit)),
                new Fact("insertions_failed", ("failed", (ulong)failed.Count), ("over", failed.Over)),
                .. ConntrackInsertionsFailing.Room(seen, table),
            ],
            Remedies =
            [
                new Remedy("forget_closed_connections", RemedyKind.Grace, seen.Inside(ShellCommand.Of("conntrack", "-D", "-p", "tcp", "--state", "TIME_WAIT"))),
                new Remedy("reuse_connections", RemedyKind.Application),
                new Remedy("widen_nat_ports", RemedyKind.Room, seen.Inside(ShellCommand.Of("nft", "-a", "list", "ruleset"))),
                .. HostCommand.Change(new Remedy("shorten_conntrack_time_wait", RemedyKind.Platform), HostCommand.Lower(seen, SettingCatalogue.ConntrackTimeWait, 30)),
                new Remedy("more_nat_addresses", RemedyKind.Platform),
            ],
            Settings = ["net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_tcp_timeout_time_wait"],
        };
    }
}
