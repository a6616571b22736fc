using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>The classic threshold on a number of connections. A note only: what counts is what they take of ports, descriptors, memory and conntrack entries.</summary>
internal sealed class TooManyEstablished() : Rule("too_many_established", Severity.Info)
{
    private const double Hysteresis = 0.95;

    public override ImmutableArray<Input> Inputs => [Input.States];

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.States?[TcpState.Established] is not { } count || count < seen.Thresholds.Established * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.Established, TcpState.Established);
        return new Verdict(Severity.Info, SocketHolding.InstanceOf(holders))
        {
            Evidence =
            [
                new Fact("established_over", ("count", count), ("threshold", seen.Thresholds.Established)),
                .. SocketHolding.Facts("established_of_process", holders),
            ],
            Holders = holders,
            Remedies = [new Remedy("close_idle_connections", RemedyKind.Application), new Remedy("spread_over_more_hosts", RemedyKind.Platform)],
        };
    }
}
