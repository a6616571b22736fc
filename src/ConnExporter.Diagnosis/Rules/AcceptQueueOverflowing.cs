using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A service accepts more slowly than clients connect, or cannot accept at all: the kernel drops SYNs and last handshake segments, clients see timeouts though the service is up.</summary>
internal sealed class AcceptQueueOverflowing() : Rule(Name, Severity.Warning, Severity.Critical)
{
    /// <summary>The finding.</summary>
    public const string Name = "accept_queue_overflowing";

    private const int Shown = 3;

    // What listen() was given is not known, but these limits are what somaxconn is when nobody set it, before and since Linux 5.4.
    private static readonly ImmutableArray<ulong> Defaults = [128, 4096];

    public override ImmutableArray<Input> Inputs => [Input.Counter("ListenOverflows"), Input.ListenerLimits];

    public override bool MustLast => false;

    public override Verdict? Judge(Observation seen, Severity? held)
    {
        Rise? overflows = seen.Memory.RiseOf("ListenOverflows", seen.Thresholds.DropWindow);
        ImmutableArray<(ListenersReading.Row Row, double Drops)> full = Full(seen);
        if (overflows is not { Count: > 0 } && full.IsEmpty)
        {
            return null;
        }

        Severity severity = overflows?.SeverityFor(seen.Thresholds) ?? Severity.Warning;
        IEnumerable<Fact> counted = overflows is { Count: > 0 } rise ? [new Fact("accept_overflows", ("count", (ulong)rise.Count), ("over", rise.Over))] : [];
        if (full.IsEmpty)
        {
            // Without limits the longest queue is the likeliest, no more.
            ListenersReading.Row? longest = seen.Listeners?.Rows.Where(row => row.Limit is null && row.Queue > 0).MaxBy(row => row.Queue);
            if (longest is not null)
            {
                Holder? likely = seen.HolderOfListener(longest.Address, longest.Port);
                return new Verdict(severity, NameOf(longest))
                {
                    Evidence = [.. counted, new Fact("accept_queue_longest", ("instance", NameOf(longest)), ("queue", longest.Queue)), .. SocketHolding.OfListener(seen, longest.Address, longest.Port)],
                    Holders = likely is null ? [] : [likely with { Count = longest.Queue }, .. seen.HoldersOfListener(longest.Address, longest.Port).Skip(1)],
                    Remedies = [new Remedy("accept_faster", RemedyKind.Application)],
                    Settings = ListenerRemedies.Settings,
                };
            }

            return new Verdict(severity, ResourceInstance.Host) { Evidence = [.. counted, new Fact("accept_overflows_of_nobody")], Settings = ListenerRemedies.Settings };
        }

        // Drops and limits come from the same place: who has drops has a limit.
        ListenersReading.Row worst = full[0].Row;
        ulong limit = worst.Limit ?? 0;
        Holder? holder = seen.HolderOfListener(worst.Address, worst.Port);
        var shortage = DescriptorShortage.Of(seen, worst);
        return new Verdict(severity, NameOf(worst))
        {
            Cause = shortage?.Cause,
            Evidence =
            [
                .. counted,
                .. full.Take(Shown).Select(pair => new Fact(
                    "accept_queue_of_listener", ("instance", NameOf(pair.Row)), ("queue", pair.Row.Queue), ("limit", pair.Row.Limit ?? 0), ("peak", pair.Row.Peak), ("drops", (ulong)pair.Drops))),
                .. full.Length > Shown ? [new Fact("accept_queue_of_others", ("count", (ulong)(full.Length - Shown)))] : Array.Empty<Fact>(),
                .. full.Take(Shown).SelectMany(pair => SocketHolding.OfListener(seen, pair.Row.Address, pair.Row.Port)),
                .. shortage is not null ? [shortage.Evidence]
                    : Defaults.Contains(limit) && !(seen.NumberOf(SettingCatalogue.SoMaxConn) > limit) ? [new Fact("limit_is_somaxconn_default", ("limit", limit))]
                    : Array.Empty<Fact>(),
                .. shortage is null ? DescriptorShortage.OfAnother(seen, worst) : [],
                .. HostUnits.WhatElse(seen, holder?.Unit),
            ],
            Holders = [.. full.Take(Shown).SelectMany(pair => seen.HoldersOfListener(pair.Row.Address, pair.Row.Port).Select((of, i) => i == 0 ? of with { Count = pair.Row.Queue } : of)).Distinct()],
            Remedies = Cures(seen, worst, severity),
            Settings = shortage is null ? ListenerRemedies.Settings : ["fs.nr_open", "fs.file-max"],
        };
    }

    /// <summary>The listeners whose queue is over its limit, or overflowed within the window for drops, the worst first.</summary>
    public static ImmutableArray<(ListenersReading.Row Row, double Drops)> Full(Observation seen)
    {
        TimeSpan window = seen.Thresholds.DropWindow;
        bool overflowed = seen.Memory.RiseOf("ListenOverflows", window)?.Count > 0;
        return
        [
            .. (seen.Listeners?.Rows ?? [])
                .Select(row => (Row: row, Drops: overflowed ? seen.Memory.RiseOf(Observation.DropsOf(row), window)?.Count ?? 0 : 0))
                .Where(pair => pair.Drops > 0 || pair.Row.Queue > pair.Row.Limit)
                .OrderByDescending(pair => pair.Drops).ThenByDescending(pair => pair.Row.Queue / ((pair.Row.Limit ?? 0) + 1.0)),
        ];
    }

    /// <summary>What helps a listener whose queue is full: where its process is out of descriptors that alone, as a longer queue would only fill later.</summary>
    public static ImmutableArray<Remedy> Cures(Observation seen, ListenersReading.Row row, Severity severity) => ExhaustingRule.InOrder(DescriptorShortage.Of(seen, row) is { } shortage
        ? shortage.Remedies
        :
        [
            .. ListenerRemedies.LongerQueue(seen, row.Limit ?? 0, seen.HolderOfListener(row.Address, row.Port), severity == Severity.Critical ? RemedyKind.Grace : RemedyKind.Room),
            new Remedy("accept_faster", RemedyKind.Application),
            new Remedy("spread_over_more_hosts", RemedyKind.Platform),
        ]);

    /// <summary>The name of the instance.</summary>
    public static string NameOf(ListenersReading.Row row) => InetAddress.WithPort(row.Address, row.Port);
}
