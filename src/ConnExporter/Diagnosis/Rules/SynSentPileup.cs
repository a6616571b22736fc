using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Census;
using ConnExporter.Collectors;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Connections to a destination that does not answer: it is dead, or a filter drops the SYNs. Each keeps a port, a descriptor and its caller for minutes.</summary>
/// <remarks>Only those count whose SYN had to be sent again. A busy client towards a far destination has many in SYN_SENT too.</remarks>
internal sealed class SynSentPileup() : Rule("syn_sent_pileup", Severity.Warning)
{
    private const double Hysteresis = 0.8;
    private const int Shown = 3;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        double threshold = seen.Thresholds.SynSent * (held is null ? 1 : Hysteresis);
        if (seen.Census?.Unanswered is not { } unanswered || unanswered.Sockets < threshold)
        {
            return null;
        }

        // Towards very many at once it is a scan, which is another finding.
        CensusReading.UnansweredRow? top = unanswered.Rows.FirstOrDefault();
        if (unanswered.Destinations >= seen.Thresholds.UnansweredDestinations && !(top?.Count >= threshold))
        {
            return null;
        }

        bool oneDestination = top is not null && top.Count * 2 >= unanswered.Sockets;
        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.SynSent, TcpState.SynSent);
        return new Verdict(Severity.Warning, oneDestination ? NameOf(top!) : ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("unanswered_connects", ("count", unanswered.Sockets), ("destinations", unanswered.Destinations)),
                .. unanswered.Rows.Take(Shown).Select(row => new Fact("unanswered_by_destination", ("instance", NameOf(row)), ("count", row.Count))),
                .. SocketHolding.Facts("syn_sent_of_process", holders),
            ],
            Holders = holders,
            Remedies =
            [
                .. top is null ? Array.Empty<Remedy>() :
                [
                    new Remedy("kill_syn_sent", RemedyKind.Grace, seen.Inside($"ss -K -t state syn-sent 'dst {NameOf(top)}'")) { Values = [("instance", NameOf(top))] },
                ],
                new Remedy("connect_timeout_and_backoff", RemedyKind.Application),
                new Remedy("give_up_connects_sooner", RemedyKind.Room, seen.Inside(string.Create(CultureInfo.InvariantCulture, $"sysctl -w net.ipv4.tcp_syn_retries={3}"))),
                .. top is null ? Array.Empty<Remedy>() : [new Remedy("check_the_path", RemedyKind.Platform, seen.Inside($"ip route get {top.Address}")) { Values = [("instance", NameOf(top))] }],
            ],
            Settings = ["net.ipv4.tcp_syn_retries"],
        };
    }

    private static string NameOf(CensusReading.UnansweredRow row) => ResourceReadings.Endpoint(row.Address, row.Port);
}
