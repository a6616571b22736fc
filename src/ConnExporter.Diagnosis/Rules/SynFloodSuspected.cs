using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Very many handshakes that nobody finishes: SYNs with forged sources, or answers that are lost on the way.</summary>
/// <remarks>A busy listener has many handshakes under way too, as many as come in within a round trip; those do not need their SYN-ACK again.</remarks>
internal sealed class SynFloodSuspected() : Rule("syn_flood_suspected", Severity.Warning, Severity.Critical)
{
    private const double Hysteresis = 0.8;

    // Of the cookies that were sent to somebody real most come back.
    private const double ReturnedByClients = 0.5;

    public override ImmutableArray<Input> Inputs => [Input.Census, Input.Counter("SyncookiesSent"), Input.Counter("SyncookiesRecv")];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        double threshold = seen.Thresholds.SynReceived * (held is null ? 1 : Hysteresis);
        CensusReading.ListenerRow? worst = seen.Census?.Listeners.Where(row => row.SynQueue > 0).MaxBy(row => row.Unanswered);
        TimeSpan window = seen.Thresholds.DropWindow;
        Rise sent = seen.Memory.RiseOf("SyncookiesSent", window) ?? default;
        Rise received = seen.Memory.RiseOf("SyncookiesRecv", window) ?? default;
        Rise failed = seen.Memory.RiseOf("SyncookiesFailed", window) ?? default;
        bool queued = worst?.Unanswered >= threshold;
        bool cookies = sent.Count - received.Count >= threshold && received.Count < sent.Count * ReturnedByClients;
        if (!queued && !cookies)
        {
            return null;
        }

        Rise? lost = seen.Memory.RiseOf("TCPReqQFullDrop", window);
        string instance = worst is null ? ResourceInstance.Host : InetAddress.WithPort(worst.Address, worst.Port);
        Holder? holder = worst is null ? null : seen.HolderOfListener(worst.Address, worst.Port);
        return new Verdict(lost?.SeverityFor(seen.Thresholds) ?? Severity.Warning, instance)
        {
            Evidence =
            [
                .. worst is null ? Array.Empty<Fact>() : [new Fact("handshakes_of_listener", ("instance", instance), ("count", worst.SynQueue), ("unanswered", worst.Unanswered))],
                .. sent.Count > 0 || failed.Count > 0
                    ? [new Fact("syncookies", ("sent", (ulong)sent.Count), ("received", (ulong)received.Count), ("failed", (ulong)failed.Count), ("over", sent.Over))]
                    : Array.Empty<Fact>(),
                new Fact("flood_or_lost_answers"),
            ],
            Holders = holder is null ? [] : [holder with { Count = worst!.SynQueue }],
            Remedies =
            [
                .. ListenerRemedies.EnableCookies(seen),
                .. HostCommand.Change(new Remedy("give_up_handshakes_sooner", RemedyKind.Grace), HostCommand.Lower(seen, SettingCatalogue.SynAckRetries, 2)),
                .. worst is null ? Array.Empty<Remedy>() : [LimitPerSource(seen, worst.Port)],
                new Remedy("flood_protection", RemedyKind.Platform),
            ],
            Settings = ["net.ipv4.tcp_syncookies", "net.ipv4.tcp_synack_retries", "net.core.somaxconn"],
        };
    }

    // A table of its own: "nft delete table inet conn_guard" takes it back.
    private static Remedy LimitPerSource(Observation seen, string port)
    {
        const string PerSource = "100";
        return new Remedy(
            "limit_per_source",
            RemedyKind.Platform,
            seen.Inside(ShellCommand.Of("nft", "add", "table", "inet", "conn_guard")),
            seen.Inside(ShellCommand.Of("nft", "add set inet conn_guard per_source { type ipv4_addr; flags dynamic; size 65535; }")),
            seen.Inside(ShellCommand.Of("nft", "add chain inet conn_guard input { type filter hook input priority 0; policy accept; }")),
            seen.Inside(ShellCommand.Of("nft", "add", "rule", "inet", "conn_guard", "input", "tcp", "dport", port, "ct", "state", "new", "add", "@per_source", "{ ip saddr ct count over " + PerSource + " }", "counter", "drop")))
        {
            Values = [("count", PerSource)],
        };
    }
}
