using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Bytes have come in and the application has not read them for three walks of the census: it is stuck, or too slow.</summary>
/// <remarks>Sockets that wait to be accepted and those in CLOSE_WAIT are left out: they have findings of their own.</remarks>
internal sealed class SlowReader() : Rule("slow_reader", Severity.Warning)
{
    private const double Hysteresis = 0.8;

    // Three walks at an interval take a daemon.
    public override ImmutableArray<Input> Inputs => [Input.Census];

    public override bool NeedsHistory => true;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        if (seen.Census is not { } census || census.Unread < seen.Thresholds.Stalled * (held is null ? 1 : Hysteresis))
        {
            return null;
        }

        ImmutableArray<Holder> holders = SocketHolding.Of(seen, HeldSockets.NotReading);
        return new Verdict(Severity.Warning, SocketHolding.InstanceOf(holders))
        {
            Evidence =
            [
                new Fact("not_reading", ("count", census.Unread), ("bytes", new Bytes(census.ReceivedBytes))),
                .. SocketHolding.Facts("not_reading_of_process", holders),
            ],
            Holders = holders,
            Remedies =
            [
                .. SeeReader(holders.FirstOrDefault()?.ProcessId),
                new Remedy("read_in_time", RemedyKind.Application),
            ],
            Settings = ["net.ipv4.tcp_rmem"],
        };
    }

    /// <summary>To look at the threads of who should read; nothing where nobody is known.</summary>
    public static IEnumerable<Remedy> SeeReader(int? pid) =>
        pid is null ? [] : [new Remedy("see_what_the_reader_does", RemedyKind.Grace, ShellCommand.Of("ps", "-L", "-o", "tid,stat,pcpu,wchan:32,comm", "-p", $"{pid}"))];
}
