using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A SYN queue is full: with cookies the kernel answers all the same, without them SYNs are dropped. Its limit is the listener's backlog.</summary>
internal sealed class SynQueueOverflowing() : Rule("syn_queue_overflowing", Severity.Warning, Severity.Critical)
{
    public override ImmutableArray<Input> Inputs => [Input.Counter("TCPReqQFullDrop"), Input.Counter("TCPReqQFullDoCookies")];

    public override ImmutableArray<string> Causes => ["syn_flood_suspected", "accept_queue_overflowing"];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        Rise? drops = seen.Memory.RiseOf("TCPReqQFullDrop", seen.Thresholds.DropWindow);
        Rise? cookies = seen.Memory.RiseOf("TCPReqQFullDoCookies", seen.Thresholds.DropWindow);
        if (!(drops?.Count > 0 || cookies?.Count > 0))
        {
            return null;
        }

        CensusReading.ListenerRow? fullest = seen.Census?.Listeners.Where(row => row.SynQueue > 0).MaxBy(row => row.SynQueue);
        ulong? limit = fullest is null ? null : seen.Listeners?.Rows.FirstOrDefault(row => row.Address == fullest.Address && row.Port == fullest.Port)?.Limit;
        string instance = fullest is null ? ResourceInstance.Host : InetAddress.WithPort(fullest.Address, fullest.Port);
        Holder? holder = fullest is null ? null : seen.HolderOfListener(fullest.Address, fullest.Port);
        return new Verdict(drops?.SeverityFor(seen.Thresholds) ?? Severity.Warning, instance)
        {
            Evidence =
            [
                .. drops is { Count: > 0 } dropped ? [new Fact("syn_queue_drops", ("count", (ulong)dropped.Count), ("over", dropped.Over))] : Array.Empty<Fact>(),
                .. cookies is { Count: > 0 } answered ? [new Fact("syn_queue_cookies", ("count", (ulong)answered.Count), ("over", answered.Over))] : Array.Empty<Fact>(),
                .. limit is { } most ? [new Fact("syn_queue_of_listener", ("instance", instance), ("queue", fullest!.SynQueue), ("limit", most)), .. HostUnits.WhatElse(seen, holder?.Unit)] : Array.Empty<Fact>(),
                .. fullest is null ? [] : SocketHolding.OfListener(seen, fullest.Address, fullest.Port),
            ],
            Holders = holder is null ? [] : [holder with { Count = fullest!.SynQueue }, .. seen.HoldersOfListener(fullest.Address, fullest.Port).Skip(1)],
            Remedies =
            [
                .. drops?.Count > 0 ? ListenerRemedies.EnableCookies(seen) : [],
                .. limit is { } backlog ? ListenerRemedies.LongerQueue(seen, backlog, holder, RemedyKind.Room) : [],
                new Remedy("spread_over_more_hosts", RemedyKind.Platform),
            ],
            Settings = ["net.core.somaxconn", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_synack_retries"],
        };
    }
}
