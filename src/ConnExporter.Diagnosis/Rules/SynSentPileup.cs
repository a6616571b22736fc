using System.Collections.Immutable;
using System.Net;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Connections to a destination that does not answer: it is dead, or a filter drops the SYNs. Each keeps a port, a descriptor and its caller for minutes.</summary>
/// <remarks>Only those count whose SYN had to be sent again. A busy client towards a far destination has many in SYN_SENT too.</remarks>
internal sealed class SynSentPileup() : Rule("syn_sent_pileup", Severity.Warning)
{
    private const double Hysteresis = 0.8;
    private const int Shown = 3;

    public override ImmutableArray<Input> Inputs => [Input.Census];

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
        ListenersReading.Row? own = oneDestination ? OwnListener(seen, top!) : null;
        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.SynSent, TcpState.SynSent);
        return new Verdict(Severity.Warning, oneDestination ? NameOf(top!) : ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("unanswered_connects", ("count", unanswered.Sockets), ("destinations", unanswered.Destinations)),
                .. unanswered.Rows.Take(Shown).Select(row => new Fact("unanswered_by_destination", ("instance", NameOf(row)), ("count", row.Count))),
                .. own is { Limit: { } limit }
                    ? [new Fact("destination_is_own_listener", ("instance", NameOf(top!)), ("listener", AcceptQueueOverflowing.NameOf(own)), ("queue", own.Queue), ("limit", limit))]
                    : Array.Empty<Fact>(),
                .. own is not null && DescriptorShortage.Of(seen, own) is { } shortage ? [shortage.Evidence] : Array.Empty<Fact>(),
                .. SocketHolding.Facts("syn_sent_of_process", holders),
            ],
            Holders = holders,
            Remedies = own is null ? [.. Remedies(seen, top)]
                : ExhaustingRule.InOrder([.. AcceptQueueOverflowing.Cures(seen, own, Severity.Warning), new Remedy("connect_timeout_and_backoff", RemedyKind.Application)]),
            Cause = own is null ? null : new ProvenCause(AcceptQueueOverflowing.Name) { Instance = AcceptQueueOverflowing.NameOf(own) },
            Settings = ["net.ipv4.tcp_syn_retries"],
        };
    }

    private static IEnumerable<Remedy> Remedies(Observation seen, CensusReading.UnansweredRow? top) =>
    [
        .. top is null ? Array.Empty<Remedy>() :
        [
            new Remedy(
                "kill_syn_sent",
                RemedyKind.Grace,
                seen.Inside(ShellCommand.Of("ss", "-tnpo", "state", "syn-sent").KeptIn("syn-sent.txt")),
                seen.Inside(ShellCommand.Of("ss", "-K", "-t", "state", "syn-sent", "dst", NameOf(top)))) { Values = [("instance", NameOf(top))] },
        ],
        new Remedy("connect_timeout_and_backoff", RemedyKind.Application),
        .. HostCommand.Change(new Remedy("give_up_connects_sooner", RemedyKind.Room), HostCommand.Lower(seen, SettingCatalogue.SynRetries, 3)),
        .. top is null ? Array.Empty<Remedy>() : [new Remedy("check_the_path", RemedyKind.Platform, seen.Inside(ShellCommand.Of("ip", "route", "get", top.Address))) { Values = [("instance", NameOf(top))] }],
    ];

    // A listener of this namespace that drops SYNs by itself. An address is known to be here where it is loopback, where something listens on it, or where connections come from it.
    private static ListenersReading.Row? OwnListener(Observation seen, CensusReading.UnansweredRow top) =>
        AcceptQueueOverflowing.Full(seen).Select(pair => pair.Row).FirstOrDefault(row => row.Port == top.Port
            && (row.Address == top.Address || (IsAnyAddress(row.Address, top.Address)
                && ((IPAddress.TryParse(top.Address, out IPAddress? address) && IPAddress.IsLoopback(address)) || seen.Census!.Destinations.Any(destination => destination.Source == top.Address)))));

    private static bool IsAnyAddress(string listener, string address) => listener == "::" || listener == "*" || (listener == "0.0.0.0" && !address.Contains(':', StringComparison.Ordinal));

    private static string NameOf(CensusReading.UnansweredRow row) => InetAddress.WithPort(row.Address, row.Port);
}
