using System.Collections.Immutable;
using ConnExporter.Diagnosis.Rules;

namespace ConnExporter.Diagnosis;

/// <summary>THE list of rules; where several findings are equally bad and old, the earlier is shown first.</summary>
internal static class RuleList
{
    public static ImmutableArray<Rule> All { get; } =
    [
        new EphemeralPortsExhausting(),
        new ProcessDescriptorsExhausting(),
        new SynFloodSuspected(),
        new AcceptQueueOverflowing(),
        new SynQueueOverflowing(),
        new ProcessStorm(),
        new CloseWaitLeak(),
        new EstablishedLeak(),
        new OutboundScanSuspected(),
        new SynSentPileup(),
        new RetransmitStorm(),
        new SlowReader(),
        new SlowPeer(),
        new TooManyEstablished(),
    ];
}
