using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Resources;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A service accepts more slowly than clients connect: the kernel drops SYNs and last handshake segments, clients see timeouts though the service is up.</summary>
internal sealed class AcceptQueueOverflowing() : Rule("accept_queue_overflowing", Severity.Warning, Severity.Critical)
{
    private const int Shown = 3;

    // One second of drops is no rate.
    private static readonly TimeSpan ShortestWindow = TimeSpan.FromSeconds(10);

    // What listen() was given is not known, but these limits are what somaxconn is when nobody set it, before and since Linux 5.4.
    private static readonly ImmutableArray<ulong> Defaults = [128, 4096];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        TimeSpan window = seen.Thresholds.DropWindow;
        Rise? overflows = seen.Memory.RiseOf("ListenOverflows", window);
        bool overflowed = overflows?.Count > 0;
        ImmutableArray<(ListenersReading.Row Row, double Drops)> full =
        [
            .. (seen.Listeners?.Rows ?? [])
                .Select(row => (Row: row, Drops: overflowed ? seen.Memory.RiseOf(Observation.DropsOf(row), window)?.Count ?? 0 : 0))
                .Where(pair => pair.Drops > 0 || pair.Row.Queue > pair.Row.Limit)
                .OrderByDescending(pair => pair.Drops).ThenByDescending(pair => pair.Row.Queue / (pair.Row.Limit + 1.0)),
        ];
        if (!overflowed && full.IsEmpty)
        {
            return null;
        }

        Severity severity = RateOf(overflows) > seen.Thresholds.CriticalDropRate ? Severity.Critical : Severity.Warning;
        IEnumerable<Fact> counted = overflows is { Count: > 0 } rise ? [new Fact("accept_overflows", ("count", (ulong)rise.Count), ("over", rise.Over))] : [];
        if (full.IsEmpty)
        {
            return new Verdict(severity, ResourceInstance.Host) { Evidence = [.. counted, new Fact("accept_overflows_of_nobody")], Settings = ListenerRemedies.Settings };
        }

        ListenersReading.Row worst = full[0].Row;
        Holder? holder = seen.HolderOfListener(worst.Address, worst.Port);
        return new Verdict(severity, NameOf(worst))
        {
            Evidence =
            [
                .. counted,
                .. full.Take(Shown).Select(pair => new Fact(
                    "accept_queue_of_listener", ("instance", NameOf(pair.Row)), ("queue", pair.Row.Queue), ("limit", pair.Row.Limit), ("peak", pair.Row.Peak), ("drops", (ulong)pair.Drops))),
                .. Defaults.Contains(worst.Limit) ? [new Fact("limit_is_somaxconn_default", ("limit", worst.Limit))] : Array.Empty<Fact>(),
            ],
            Holders = [.. full.Take(Shown).Select(pair => seen.HolderOfListener(pair.Row.Address, pair.Row.Port) is { } of ? of with { Count = pair.Row.Queue } : null).OfType<Holder>().Distinct()],
            Remedies =
            [
                ListenerRemedies.Relisten(seen, worst.Limit, holder),
                new Remedy("accept_faster", RemedyKind.Application),
                ListenerRemedies.RaiseBacklog(seen, worst.Limit),
                new Remedy("spread_over_more_hosts", RemedyKind.Platform),
            ],
            Settings = ListenerRemedies.Settings,
        };
    }

    /// <summary>How many a second, over no less than ten seconds.</summary>
    public static double RateOf(Rise? rise) => rise is { } known ? known.Count / Math.Max(known.Over.TotalSeconds, ShortestWindow.TotalSeconds) : 0;

    private static string NameOf(ListenersReading.Row row) => ResourceReadings.Endpoint(row.Address, row.Port);
}
