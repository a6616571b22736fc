using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis;

/// <summary>Turns snapshots into reports: measures the resources, asks the rules, and remembers what a single look cannot tell. For one thread, but for <see cref="HistoryOf"/>.</summary>
internal sealed class Diagnostician
{
    // Other namespaces in which something held stay on the page for that long.
    private static readonly TimeSpan KeptElsewhere = TimeSpan.FromHours(1);

    private readonly ImmutableArray<Rule> rules;
    private readonly TimeProvider time;
    private readonly Action<string, Exception> defect;
    private readonly long began;
    private readonly Lock gate = new();
    private readonly ResourceTracker resources = new();
    private readonly Dictionary<string, Memory> memories = [];
    private readonly Dictionary<(string Rule, string Netns), FindingTracker> trackers = [];

    // In the order of the page; made anew when a tracker comes or goes.
    private FindingTracker[]? ordered;

    /// <summary>Knows nothing yet.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="thresholds">What is a finding.</param>
    /// <param name="time">The clock.</param>
    /// <param name="defect">Is told of a rule that failed, which is a defect in this program: its finding is left out then.</param>
    public Diagnostician(ImmutableArray<Rule> rules, Thresholds thresholds, TimeProvider time, Action<string, Exception> defect)
    {
        this.rules = rules;
        Thresholds = thresholds;
        this.time = time;
        this.defect = defect;
        began = time.GetTimestamp();
    }

    /// <summary>What is a finding; a change counts from the next look on.</summary>
    public Thresholds Thresholds { get; set; }

    /// <summary>Whether the last look saw nothing worse than a note, neither held nor beginning.</summary>
    public bool IsCalm { get; private set; }

    /// <summary>The time that histories are told in. For any thread.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(began);

    /// <summary>Takes over peaks and growth of an instance, see <see cref="ResourceTracker.Prime"/>.</summary>
    public void Prime(ResourceKind kind, string netns, string instance, double peak, double? growthPerSecond)
    {
        lock (gate)
        {
            resources.Prime(kind, netns, instance, peak, growthPerSecond);
        }
    }

    /// <summary>Looks at a snapshot.</summary>
    public DiagnosisReport Look(Snapshot snapshot)
    {
        TimeSpan now = time.GetElapsedTime(began);
        DateTimeOffset at = time.GetUtcNow();
        lock (gate)
        {
            var failed = new HashSet<string>(StringComparer.Ordinal);
            var seen = new HashSet<string>(StringComparer.Ordinal);
            ImmutableArray<Resource>.Builder measured = ImmutableArray.CreateBuilder<Resource>();
            foreach (Observation observation in Observation.Of(snapshot, at, Thresholds, netns => MemoryOf(netns, now)))
            {
                seen.Add(observation.Netns);
                observation.Resources = resources.Follow(now, observation.IsOwn, ResourceReadings.Of(observation));
                measured.AddRange(observation.Resources);
                foreach (Rule rule in rules)
                {
                    Judge(rule, observation, now, at, failed);
                }
            }

            resources.Forget(now);
            Forget(seen, now, at);
            IsCalm = !trackers.Values.Any(tracker => tracker.IsSerious);
            return new DiagnosisReport(at, measured.ToImmutable(), Sort(trackers.Values.Select(tracker => tracker.Current).OfType<Finding>()), Count(failed));
        }
    }

    /// <summary>The last ten minutes of an instance. For any thread.</summary>
    public HistoryPoint[] HistoryOf(ResourceInstance instance)
    {
        lock (gate)
        {
            return resources.HistoryOf(instance.Kind, instance.Netns, instance.Name, time.GetElapsedTime(began));
        }
    }

    private Memory MemoryOf(string netns, TimeSpan now)
    {
        if (!memories.TryGetValue(netns, out Memory? memory))
        {
            memories.Add(netns, memory = new Memory());
        }

        memory.Begin(now);
        return memory;
    }

    private void Judge(Rule rule, Observation observation, TimeSpan now, DateTimeOffset at, HashSet<string> failed)
    {
        if (!trackers.TryGetValue((rule.Id, observation.Netns), out FindingTracker? tracker))
        {
            tracker = new FindingTracker(rule, observation.Netns);
            trackers.Add((rule.Id, observation.Netns), tracker);
            ordered = null;
        }

        try
        {
            tracker.Take(now, at, rule.Judge(observation, tracker.Held), Thresholds);
        }
        catch (Exception e)
        {
            // One rule must not take the others down. What it would have said is not known, so nothing is said.
            failed.Add(rule.Id);
            trackers.Remove((rule.Id, observation.Netns));
            ordered = null;
            defect(rule.Id, e);
        }
    }

    // A namespace that is not read any more has no findings.
    private void Forget(HashSet<string> seen, TimeSpan now, DateTimeOffset at)
    {
        foreach (((string, string netns) key, FindingTracker tracker) in trackers)
        {
            if (seen.Contains(key.netns))
            {
                continue;
            }

            tracker.Take(now, at, newest: null, Thresholds);
            if (tracker.Held is null && !(now - tracker.LastHeld < KeptElsewhere))
            {
                trackers.Remove(key);
                ordered = null;
            }
        }

        foreach (string netns in memories.Keys.Where(netns => !seen.Contains(netns)).ToList())
        {
            memories.Remove(netns);
        }
    }

    // Every severity is known from the start, so that what begins is a rise from 0.
    private ImmutableArray<FindingCount> Count(HashSet<string> failed)
    {
        TimeSpan now = time.GetElapsedTime(began);
        ordered ??=
        [
            .. trackers.Values.OrderBy(tracker => tracker.Netns != KernelSource.OwnNamespace).ThenBy(tracker => tracker.Netns, StringComparer.Ordinal).ThenBy(tracker => rules.IndexOf(tracker.Rule)),
        ];
        ImmutableArray<FindingCount>.Builder counts = ImmutableArray.CreateBuilder<FindingCount>();
        foreach (FindingTracker tracker in ordered)
        {
            if (failed.Contains(tracker.Rule.Id) || (tracker.Netns != KernelSource.OwnNamespace && !(now - tracker.LastHeld < KeptElsewhere)))
            {
                continue;
            }

            foreach (Severity severity in tracker.Rule.Severities)
            {
                counts.Add(new FindingCount(tracker.Rule.Id, severity, tracker.Netns, tracker.Held == severity, tracker.Begun(severity)));
            }
        }

        return counts.ToImmutable();
    }

    // What two different programs do is not one the cause of the other.
    private static bool MayBeOfOne(Finding finding, Finding other) => finding.Verdict.Holders.IsEmpty || other.Verdict.Holders.IsEmpty
        || finding.Verdict.Holders.Any(holder => other.Verdict.Holders.Any(also => also.Label == holder.Label));

    // Warnings before notes; among them the earliest first, and what brings another about before it.
    private ImmutableArray<Finding> Sort(IEnumerable<Finding> findings)
    {
        List<Finding> waiting =
        [
            .. findings.OrderBy(finding => finding.Severity == Severity.Info).ThenBy(finding => finding.Netns != KernelSource.OwnNamespace)
                .ThenByDescending(finding => finding.Severity).ThenBy(finding => finding.Since).ThenBy(finding => rules.IndexOf(finding.Rule)),
        ];
        for (int i = 0; i < waiting.Count; i++)
        {
            Finding finding = waiting[i];
            waiting[i] = finding with { CausedBy = waiting.Find(other => other.Netns == finding.Netns && other.Severity > Severity.Info && finding.Rule.Causes.Contains(other.Id) && MayBeOfOne(finding, other))?.Id };
        }

        ImmutableArray<Finding>.Builder sorted = ImmutableArray.CreateBuilder<Finding>(waiting.Count);
        while (waiting.Count > 0)
        {
            // The first whose cause is not still waiting; rules that name each other as causes would wait forever.
            int next = waiting.FindIndex(finding => !waiting.Exists(other => other.Netns == finding.Netns && other.Id == finding.CausedBy));
            sorted.Add(waiting[Math.Max(0, next)]);
            waiting.RemoveAt(Math.Max(0, next));
        }

        return sorted.ToImmutable();
    }
}
