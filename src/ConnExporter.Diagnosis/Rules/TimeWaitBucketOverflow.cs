using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Sockets close without TIME_WAIT because tcp_max_tw_buckets is reached: old segments can hit new connections (docs/kernel-facts.md §3).</summary>
internal sealed class TimeWaitBucketOverflow() : Rule("time_wait_bucket_overflow", Severity.Info, Severity.Warning)
{
    public override ImmutableArray<Input> Inputs => [Input.TimeWaitLimit, Input.Counter("TCPTimeWaitOverflow")];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        Rise? overflows = seen.Memory.RiseOf("TCPTimeWaitOverflow", seen.Thresholds.DropWindow);
        ResourceInstance? buckets = seen.Find(ResourceKind.TimeWaitBuckets)?.Worst;
        if (overflows is not { Count: > 0 } && !(buckets is not null && Shares.Exceeds(buckets.UsedRatio, seen.Thresholds.WarningRatio, held)))
        {
            return null;
        }

        ulong? limit = seen.SockStat?.MaxTimeWait;
        return new Verdict(overflows is { Count: > 0 } ? Severity.Warning : Severity.Info, ResourceInstance.Host)
        {
            Evidence =
            [
                .. overflows is { Count: > 0 } rise ? (Fact[])[new Fact("time_wait_overflows", ("count", (ulong)rise.Count), ("over", rise.Over))] : [],
                .. buckets is not null ? (Fact[])[new Fact("time_wait_buckets", ("used", (ulong)buckets.Used), ("limit", (ulong)buckets.Limit))] : [],
            ],
            Remedies =
            [
                new Remedy("reuse_connections", RemedyKind.Application),
                .. limit is > 0 and { } known
                    ? HostCommand.Change(new Remedy("raise_time_wait_buckets", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.MaxTimeWait, Math.Max((ulong)(buckets?.Roomy ?? known * 2.0), 65_536)))
                    : [],
            ],
            Settings = ["net.ipv4.tcp_max_tw_buckets"],
        };
    }
}
