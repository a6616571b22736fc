using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Connections to very many destinations at once of which none answers: something on this host scans others, or nothing gets out any more.</summary>
internal sealed class OutboundScanSuspected() : Rule("outbound_scan_suspected", Severity.Warning)
{
    private const double Hysteresis = 0.8;

    public override ImmutableArray<Input> Inputs => [Input.Census];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Census?.Unanswered is not { } unanswered || unanswered.Destinations < seen.Thresholds.UnansweredDestinations * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.SynSent, TcpState.SynSent);
        int? pid = holders.FirstOrDefault()?.ProcessId;
        return new Verdict(Severity.Warning, SocketHolding.InstanceOf(holders))
        {
            Evidence =
            [
                new Fact("unanswered_destinations", ("destinations", unanswered.Destinations), ("count", unanswered.Sockets)),
                .. SocketHolding.Facts("syn_sent_of_process", holders),
                new Fact("scan_or_no_way_out"),
            ],
            Holders = holders,
            Remedies =
            [
                .. pid is null ? Array.Empty<Remedy>() : [new Remedy("freeze_the_process", RemedyKind.Grace, ShellCommand.Of("ls", "-l", $"/proc/{pid}/exe"), ShellCommand.Of("kill", "-STOP", $"{pid}"))],
                new Remedy("know_the_process", RemedyKind.Application, seen.Inside(ShellCommand.Of("ss", "-tnp", "state", "syn-sent").KeptIn("syn-sent.txt"))),
                new Remedy(
                    "limit_new_connections",
                    RemedyKind.Platform,
                    seen.Inside(ShellCommand.Of("nft", "add", "table", "inet", "conn_guard")),
                    seen.Inside(ShellCommand.Of("nft", "add chain inet conn_guard output { type filter hook output priority 0; policy accept; }")),
                    seen.Inside(ShellCommand.Of("nft", "add rule inet conn_guard output tcp flags & (fin | syn | rst | ack) == syn limit rate over 50/second burst 100 packets counter drop"))),
            ],
            Settings = ["net.ipv4.tcp_syn_retries"],
        };
    }
}
