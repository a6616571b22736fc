using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Much of what is sent must be sent again: the path loses segments. Connections are slow, and stay open longer than they should.</summary>
/// <remarks>SYNs that nobody answers are retransmissions too; they are findings of their own and not counted here.</remarks>
internal sealed class RetransmitStorm() : Rule("retransmit_storm", Severity.Warning)
{
    private const double Hysteresis = 0.8;

    // Of a handful of segments no share can be told.
    private const double FewestSegments = 1000;

    // The first point is hardly ever at the beginning of the window.
    private const double Margin = 0.1;

    public override ImmutableArray<Input> Inputs => [Input.Counter("OutSegs"), Input.Counter("RetransSegs"), Input.Counter("TCPSynRetrans")];

    public override bool MustLast => false;

    public override bool NeedsHistory => true;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        TimeSpan window = seen.Thresholds.RetransmitWindow;
        if (seen.Memory.RiseOf("OutSegs", window) is not { } sent || seen.Memory.RiseOf("RetransSegs", window) is not { } again || sent.Over < window * (1 - Margin))
        {
            return null;
        }

        double retransmitted = Math.Max(0, again.Count - (seen.Memory.RiseOf("TCPSynRetrans", window)?.Count ?? 0));
        double all = sent.Count + retransmitted;
        if (all < FewestSegments || retransmitted < all * seen.Thresholds.RetransmitRatio * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        return new Verdict(Severity.Warning, ResourceInstance.Host)
        {
            Evidence =
            [
                new Fact("retransmits", ("count", (ulong)retransmitted), ("segments", (ulong)all), ("share", new Share(retransmitted / all)), ("over", sent.Over)),
                .. seen.Memory.RiseOf("TCPTimeouts", window) is { Count: > 0 } timeouts ? [new Fact("retransmit_timeouts", ("count", (ulong)timeouts.Count))] : Array.Empty<Fact>(),
            ],
            Remedies =
            [
                new Remedy(
                    "see_who_retransmits",
                    RemedyKind.Grace,
                    seen.Inside(ShellCommand.Of("ss", "-tni", "state", "established").KeptIn("retransmits.txt")),
                    ShellCommand.Of("grep", "-B1", "retrans:", "retransmits.txt").Into("head", "-20")),
                new Remedy("find_the_loss", RemedyKind.Platform, seen.Inside(ShellCommand.Of("ip", "-s", "link")), seen.Inside(ShellCommand.Of("tc", "-s", "qdisc"))),
            ],
            Settings = ["net.ipv4.tcp_retries2"],
        };
    }
}
