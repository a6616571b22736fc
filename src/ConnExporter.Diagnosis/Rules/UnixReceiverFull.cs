using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A Unix datagram socket is full and nobody reads it: send() gets EAGAIN where it may not wait, and waits where it may. Two looks in a row have to find it so.</summary>
internal sealed class UnixReceiverFull() : Rule("unix_receiver_full", Severity.Warning)
{
    private const int Shown = 3;
    private const int Looks = 2;
    private const ulong Larger = 512;

    public override ImmutableArray<Input> Inputs => [Input.Unix, Input.UnixReceivers];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        UnixReading.ReceiverRow[] full = [.. (seen.Unix?.Receivers ?? []).Where(row => row.IsFull == true && row.FullLooks >= (held is null ? Looks : 1)).OrderByDescending(row => row.UnreadFor)];
        if (full.Length == 0)
        {
            return null;
        }

        ImmutableArray<Holder> holders = [.. full.Take(Shown).SelectMany(row => seen.HoldersOf(row.Holding)).DistinctBy(of => (of.ProcessId, of.Name))];
        return new Verdict(Severity.Warning, Visible.Name(full[0].Name))
        {
            Evidence =
            [
                .. full.Take(Shown).Select(row => new Fact("unix_receiver_is_full", ("name", new OutsideName(row.Name)), ("looks", (ulong)row.FullLooks), ("unread", row.UnreadFor))),
                new Fact("unix_receiver_effect"),
                .. seen.Unix!.DatagramLimit is { } limit ? [new Fact("unix_receiver_limit", ("limit", limit))] : Array.Empty<Fact>(),
                .. HostUnits.WhatElse(seen, holders.FirstOrDefault()?.Unit),
            ],
            Holders = holders,
            Remedies = ExhaustingRule.InOrder(
            [
                .. SlowReader.SeeReader(holders.FirstOrDefault()?.ProcessId),
                new Remedy("read_datagrams_in_time", RemedyKind.Application),
                .. HostCommand.Change(new Remedy("raise_datagram_queue", RemedyKind.Room) { Values = [("limit", Larger)] }, HostCommand.Raise(seen, SettingCatalogue.DatagramQueue, Larger)),
            ]),
            Settings = [SettingCatalogue.DatagramQueue],
        };
    }
}
