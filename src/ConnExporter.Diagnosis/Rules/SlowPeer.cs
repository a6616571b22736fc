using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Peers have closed their window: they do not read what this host sends, and whoever writes waits.</summary>
internal sealed class SlowPeer() : Rule("slow_peer", Severity.Warning)
{
    private const double Hysteresis = 0.8;

    // Among very many clients some are always slow: a phone, a paused video.
    private const double Share = 0.01;

    public override ImmutableArray<Input> Inputs => [Input.Census, Input.States];

    public override ImmutableArray<string> Causes => ["slow_reader"];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        double threshold = Math.Max(seen.Thresholds.Stalled, (seen.States?[TcpState.Established] ?? 0) * Share);
        if (seen.Census is not { } census || census.ZeroWindow < threshold * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.ZeroWindow);
        return new Verdict(Severity.Warning, SocketHolding.InstanceOf(holders))
        {
            Evidence =
            [
                new Fact("zero_window", ("count", census.ZeroWindow), ("bytes", new Bytes(census.SentBytes))),
                .. SocketHolding.Facts("zero_window_of_process", holders),
            ],
            Holders = holders,
            Remedies =
            [
                new Remedy(
                    "see_slow_peers",
                    RemedyKind.Grace,
                    seen.Inside(ShellCommand.Of("ss", "-tnpo", "state", "established").KeptIn("established.txt")),
                    ShellCommand.Of("grep", "-F", "timer:(persist", "established.txt").Into("head")),
                new Remedy("write_timeout", RemedyKind.Application),
                new Remedy("buffer_in_front", RemedyKind.Platform),
            ],
            Settings = ["net.ipv4.tcp_wmem"],
        };
    }
}
