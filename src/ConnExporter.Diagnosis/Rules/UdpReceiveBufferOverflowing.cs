using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// UDP datagrams are lost because a receive buffer is full. The kernel counts them (RcvbufErrors), and each socket has drops of its own; a buffer that is still full says
/// that the application does not read, an empty one that a burst was too large for it.
/// </summary>
internal sealed class UdpReceiveBufferOverflowing() : Rule("udp_receive_buffer_overflowing", Severity.Info, Severity.Warning)
{
    private const int Shown = 3;
    private const double Full = 0.5;
    private const ulong Larger = 8 << 20;

    public override ImmutableArray<Input> Inputs => [Input.UdpCounters];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        TimeSpan window = seen.Thresholds.DropWindow;
        (string Family, Rise Rise)[] lost =
        [
            .. UdpReading.FamilyLabels
                .Select(family => (family, rise: seen.Memory.RiseOf(Observation.UdpCounterOf(family, "RcvbufErrors"), window)))
                .Where(pair => pair.rise is { Count: > 0 }).Select(pair => (pair.family, pair.rise!.Value)),
        ];
        if (seen.Udp is not { } udp || lost.Length == 0)
        {
            return null;
        }

        // Drops of a socket are those of wrong checksums too: without the counter of full buffers they say nothing.
        (UdpReading.ReceiverRow Row, double Drops)[] dropping =
        [
            .. udp.Receivers.Select(row => (row, drops: seen.Memory.RiseOf(Observation.DropsOf(row), window)?.Count ?? 0))
                .Where(pair => pair.drops > 0).OrderByDescending(pair => pair.drops),
        ];
        bool notRead = dropping.Any(pair => IsFull(pair.Row));
        UdpReading.ReceiverRow? worst = dropping.OrderByDescending(pair => IsFull(pair.Row)).ThenByDescending(pair => pair.Drops).Select(pair => pair.Row).FirstOrDefault();
        return new Verdict(notRead ? Severity.Warning : Severity.Info, worst is null ? ResourceInstance.Host : NameOf(worst))
        {
            Evidence =
            [
                .. lost.Select(pair => new Fact("udp_datagrams_lost", ("count", (ulong)pair.Rise.Count), ("over", pair.Rise.Over), ("family", pair.Family))),
                .. dropping.Take(Shown).Select(pair => new Fact(
                    IsFull(pair.Row) ? "udp_receiver_does_not_read" : "udp_receiver_too_small",
                    ("instance", NameOf(pair.Row)), ("drops", (ulong)pair.Drops), ("queue", new Bytes(pair.Row.Queue)), ("limit", pair.Row.Limit is { } limit ? new Bytes(limit) : "?"))),
                .. dropping.Length == 0 ? [new Fact("udp_receiver_unknown")] : Array.Empty<Fact>(),
            ],
            Holders =
            [
                .. dropping.OrderByDescending(pair => IsFull(pair.Row)).ThenByDescending(pair => pair.Drops).Select(pair => pair.Row).Take(Shown)
                    .Select(row => row.Owner is { } owner ? Holder.Of(owner, seen.StartOf(owner.StartTicks)) : row.Unit is not Labels.None ? new Holder(row.Unit) { Unit = row.Unit } : null)
                    .OfType<Holder>().DistinctBy(holder => (holder.ProcessId, holder.Name)),
            ],
            Remedies = ExhaustingRule.InOrder(
            [
                .. SlowReader.SeeReader(worst?.Owner?.Pid),
                new Remedy("read_datagrams_in_time", RemedyKind.Application),
                .. HostCommand.Change(new Remedy("larger_udp_buffer", RemedyKind.Room) { Values = [("limit", Larger)] }, HostCommand.Raise(seen, SettingCatalogue.ReceiveBufferMax, Larger)),
            ]),
            Settings = [SettingCatalogue.ReceiveBufferMax],
        };
    }

    private static bool IsFull(UdpReading.ReceiverRow row) => row.Limit is > 0 and { } limit && row.Queue >= limit * Full;

    private static string NameOf(UdpReading.ReceiverRow row) => InetAddress.WithPort(row.Address, row.Port);
}
