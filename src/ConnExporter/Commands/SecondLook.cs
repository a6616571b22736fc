using System.Collections.Immutable;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Commands;

/// <summary>When a single diagnosis may look again: what counters rise by takes two readings, and time between them.</summary>
internal static class SecondLook
{
    /// <summary>
    /// How far two readings of counters must lie apart: in milliseconds hundreds of events a second leave none to see. Less than the interval, as a first reading that
    /// takes its time would else put the look off to the third.
    /// </summary>
    public static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(700);

    private const string Namespaces = "namespaces";
    private const string Symptoms = "symptoms";

    // No multiple of a second: such an interval runs from the first reading, not from the next whole second of the clock, and the whole look fits into a second.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(800);
    private static readonly string[] Counting = ["counters", "sockstat", "listeners", "conntrack", "neighbours", "udp", "unix"];

    /// <summary>The settings under which what counts is read again within a second or so, whatever the daemon's intervals are. Two readings are no matter of a share of the CPU.</summary>
    public static ExporterOptions ReadSoonAgain(ExporterOptions options)
    {
        ImmutableDictionary<string, TimeSpan> collectors = options.Collectors;
        foreach (string name in Counting.Append(Namespaces))
        {
            if (collectors.TryGetValue(name, out TimeSpan wanted) && wanted > Interval)
            {
                collectors = collectors.SetItem(name, Interval);
            }
        }

        // Counted from now on, symptoms tell nothing in a look of a second or two: no program is loaded for it.
        return options with { Collectors = collectors.Remove(Symptoms), CpuBudget = 1 };
    }

    /// <summary>Whether everything that counts has answered once, or never will: what else takes its time is read while the second look is waited for.</summary>
    /// <param name="now">The newest.</param>
    public static bool CanFollow(Snapshot now) => Counting.Append(Namespaces).All(name => StateOf(now, name) is not { Outcome: null or Outcome.Stuck });

    /// <summary>Whether everything that counts was read again, long enough after the first look's readings. What has no whole reading, or had none then, is not waited for.</summary>
    /// <param name="first">What the first look saw.</param>
    /// <param name="now">The newest.</param>
    /// <param name="time">The clock.</param>
    public static bool IsDue(Snapshot first, Snapshot now, TimeProvider time) =>
        Counting.All(name => StateOf(first, name) is not { Outcome: Outcome.Ok } || StateOf(now, name)?.Reading is null || IsApart(first, now, name, time))
        && (Elsewhere(first, now).All(pair => pair.Before.Counters is null || IsApart(pair.Before.LookedAt, pair.Now.LookedAt, time)) || IsApart(first, now, Namespaces, time));

    /// <summary>Notes what was not read twice: what its counters rose by is not known, and silence of the rules that rest on it is not "nothing".</summary>
    /// <param name="first">What the first look saw.</param>
    /// <param name="second">What the second saw.</param>
    /// <param name="report">What was made of it.</param>
    /// <param name="time">The clock.</param>
    /// <returns>The report with what it lacks.</returns>
    public static DiagnosisReport NoteReadOnce(Snapshot first, Snapshot second, DiagnosisReport report, TimeProvider time)
    {
        var once = new List<string>(Counting.Where(name => StateOf(second, name) is { Outcome: Outcome.Ok } && !IsApart(first, second, name, time)));
        ImmutableArray<Gap> gaps = report.Gaps;
        foreach (string name in once)
        {
            gaps = gaps.Add(Missing(name, [.. RuleList.All.Where(rule => rule.Inputs.Any(input => input.Collector == name && input.Rises) && !report.Findings.Any(finding => finding.Id == rule.Id && finding.Netns == KernelSource.OwnNamespace))]));
        }

        Rule[] untold = Elsewhere(first, second).Any(pair => pair.Before.Counters is null || !IsApart(pair.Before.LookedAt, pair.Now.LookedAt, time))
            ? [.. RuleList.All.Where(rule => rule.Inputs.Any(input => input.Rises))]
            : [.. RuleList.All.Where(rule => rule.Inputs.Any(input => input.Rises && New(first, second).Any(row => MayHaveRisen(input, row.Readings))))];
        if (untold.Length > 0)
        {
            gaps = gaps.Add(Missing(Namespaces, [.. untold]));
        }

        return report with { Gaps = gaps };
    }

    private static Gap Missing(string collector, ImmutableArray<Rule> rules) => new(collector, [new("second_reading")], rules);

    private static CollectorState? StateOf(Snapshot snapshot, string collector) => snapshot.IndexOf(collector) is >= 0 and var index ? snapshot.Collectors[index] : null;

    // From the end of the one to the beginning of the other: when within a sample the kernel was asked is not known. A first reading that is not whole may lack what the second has.
    private static bool IsApart(Snapshot first, Snapshot now, string collector, TimeProvider time) =>
        StateOf(first, collector) is { Outcome: Outcome.Ok } before && StateOf(now, collector) is { } after
        && time.GetElapsedTime(before.LastSuccessTimestamp, after.LastSuccessTimestamp) - after.Duration >= Apart;

    private static bool IsApart(long before, long after, TimeProvider time) => time.GetElapsedTime(before, after) >= Apart;

    // What has never counted has not risen, in however few looks.
    private static bool MayHaveRisen(Input input, NamespaceReadings readings) => input.Collector switch
    {
        "counters" => readings.Counters?.All.Any(counter => counter.Value > 0 && input == Input.Counter(counter.KernelName)) != false,
        "listeners" => readings.Listeners?.Rows.Any(row => row.Drops is null or > 0) != false,
        "conntrack" => readings.Conntrack?.Statistics is { Drops: > 0 } or { EarlyDrops: > 0 } or { InsertFailed: > 0 } or { ChainsTooLong: > 0 },
        "udp" => readings.Udp?.Counters.All.Any(counter => counter is { KernelName: "RcvbufErrors", Value: > 0 }) != false,
        "unix" => readings.Unix is not { Receivers: [], Listeners: [] },
        _ => false,
    };

    // Of other network namespaces those that are judged, and were seen for the first time at the second look.
    private static IEnumerable<NamespacesReading.Row> New(Snapshot first, Snapshot now) =>
        StateOf(now, Namespaces)?.Reading is NamespacesReading after
            ? after.Rows.Where(row => row.InFull && row.Readings.Counters is not null && !(StateOf(first, Namespaces)?.Reading as NamespacesReading)?.Rows.Any(known => known.Name == row.Name) == true)
            : [];

    // Of other network namespaces those that are judged, and were there at both looks.
    private static IEnumerable<(NamespaceReadings Before, NamespaceReadings Now)> Elsewhere(Snapshot first, Snapshot now) =>
        StateOf(first, Namespaces)?.Reading is NamespacesReading before && StateOf(now, Namespaces)?.Reading is NamespacesReading after
            ? from row in after.Rows
              where row.InFull && row.Readings.Counters is not null
              from known in before.Rows
              where known.Name == row.Name
              select (known.Readings, row.Readings)
            : [];
}
