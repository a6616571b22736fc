using System.Collections.Immutable;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>THE list of rules; where several findings are equally bad and old, the earlier is shown first.</summary>
internal static class RuleList
{
    public static ImmutableArray<Rule> All { get; } =
    [
        new EphemeralPortsBlockedByBind(),
        new TimeWaitStorm(),
        new EphemeralPortsExhausting(),
        new UdpPortsExhausting(),
        new ProcessDescriptorsExhausting(),
        new SystemDescriptorsExhausting(),
        new ConntrackExhausting(),
        new ConntrackDropping(),
        new InstanceConnectionsExhausting(),
        new NatPortsExhausting(),
        new ConntrackInsertionsFailing(),
        new NeighbourTableOverflowing(),
        new TcpMemoryPressure(),
        new OrphansExhausting(),
        new TimeWaitBucketOverflow(),
        new SynFloodSuspected(),
        new AcceptQueueOverflowing(),
        new UnixAcceptQueueOverflowing(),
        new SynQueueOverflowing(),
        new UdpReceiveBufferOverflowing(),
        new UnixReceiverFull(),
        new ProcessStorm(),
        new CloseWaitLeak(),
        new EstablishedLeak(),
        new OutboundScanSuspected(),
        new SynSentPileup(),
        new RetransmitStorm(),
        new SlowReader(),
        new SlowPeer(),
        new TooManyEstablished(),
        new SyncookiesOff(),
        new RangeBelow1024(),
        new ConntrackTimeoutBelowKeepalive(),
        new RangeOverlapsListeners(),
        new RangeSameParity(),
        new RangeNarrowed(),
        new BacklogCutOff(),
        new SomaxconnLow(),
        new AbortOnOverflow(),
        new SoftFileLimitLow(),
        new ReuseWithoutTimestamps(),
        new ConntrackBucketsFew(),
        new FinTimeoutLowered(),
        new TimeWaitTimeoutChanged(),
        new TimeWaitBucketsLow(),
        new SynBacklogRaised(),
        new RecycleInFile(),
        new OldConntrackMaxInFile(),
    ];
}
