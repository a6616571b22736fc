using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// The accept queue of a Unix socket is full: connect() gets EAGAIN where it may not wait, and waits where it may (net/unix/af_unix.c:unix_stream_connect). Nothing counts it, so
/// a queue that two looks in a row saw full is the proof.
/// </summary>
internal sealed class UnixAcceptQueueOverflowing() : Rule("unix_accept_queue_overflowing", Severity.Warning, Severity.Critical)
{
    private const int Shown = 3;
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    public override ImmutableArray<Input> Inputs => [Input.Unix];

    public override ImmutableArray<string> Causes => ["process_descriptors_exhausting", "system_descriptors_exhausting"];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        UnixReading.ListenerRow[] full = [.. (seen.Unix?.Listeners ?? []).Where(row => row.IsFull && (held is not null || row.FullFor > TimeSpan.Zero)).OrderByDescending(row => row.FullFor)];
        if (full.Length == 0)
        {
            return null;
        }

        UnixReading.ListenerRow worst = full[0];
        Severity severity = worst.FullFor >= Long ? Severity.Critical : Severity.Warning;
        Holder? holder = seen.HoldersOf(worst.Holding).FirstOrDefault();
        return new Verdict(severity, Visible.Name(worst.Name))
        {
            Evidence =
            [
                .. full.Take(Shown).Select(row => new Fact("unix_queue_of_listener", ("name", new OutsideName(row.Name)), ("queue", (ulong)row.Queue), ("limit", (ulong)row.Limit), ("lasting", row.FullFor), ("peak", (ulong)row.Peak))),
                .. full.Length > Shown ? [new Fact("accept_queue_of_others", ("count", (ulong)(full.Length - Shown)))] : Array.Empty<Fact>(),
                new Fact("unix_queue_effect"),
                .. full.Take(Shown).SelectMany(HandedOn),
                .. HostUnits.WhatElse(seen, holder?.Unit),
            ],
            Holders = [.. full.Take(Shown).SelectMany(row => seen.HoldersOf(row.Holding).Select((of, i) => i == 0 ? of with { Count = row.Queue } : of)).DistinctBy(of => (of.ProcessId, of.Name))],
            Remedies = ExhaustingRule.InOrder(
            [
                .. ListenerRemedies.LongerQueue(seen, worst.Limit, holder, severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room),
                new Remedy("more_workers", RemedyKind.Application),
                new Remedy("spread_over_more_hosts", RemedyKind.Platform),
            ]),
            Settings = [SettingCatalogue.SoMaxConn],
        };
    }

    private static IEnumerable<Fact> HandedOn(UnixReading.ListenerRow row)
    {
        if (row.Holding is { Maker: { } maker } holding)
        {
            yield return new Fact(
                "unix_listener_handed_on",
                ("name", new OutsideName(row.Name)), ("process", new OutsideName(holding.Server.Name)), ("pid", $"{holding.Server.Pid}"), ("maker", new OutsideName(maker.Name)), ("maker_pid", $"{maker.Pid}"), ("holders", (ulong)holding.Holders));
        }
    }
}
