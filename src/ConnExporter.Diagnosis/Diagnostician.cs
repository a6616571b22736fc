using System.Collections.Immutable;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis;

/// <summary>Turns snapshots into reports: measures the resources, asks the rules, and remembers what a single look cannot tell. For one thread, but for <see cref="HistoryOf"/>.</summary>
internal sealed class Diagnostician
{
    // Other namespaces in which something held stay on the page for that long.
    private static readonly TimeSpan KeptElsewhere = TimeSpan.FromHours(1);

    // As long as an alert holds on to what it was told last: by then all other namespaces but the very many have been visited.
    private static readonly TimeSpan AwaitedElsewhere = TimeSpan.FromMinutes(5);

    /// <summary>Findings of namespaces that are not looked at any more, which are kept at most.</summary>
    public const int BoundElsewhere = 128;

    private readonly ImmutableArray<Rule> rules;
    private readonly TimeProvider time;
    private readonly Action<string, Exception> defect;
    private readonly long began;
    private readonly Lock gate = new();
    private readonly ResourceTracker resources = new();
    private readonly Dictionary<string, Memory> memories = [];
    private readonly Dictionary<(string Rule, string Netns), FindingTracker> trackers = [];
    private readonly Dictionary<(string Rule, string Netns), HeldBefore> heldBefore = [];

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

    /// <summary>Takes over what held before the daemon was started, for whoever would be told that it is over. For any thread.</summary>
    public void Resume(IEnumerable<HeldBefore> findings)
    {
        lock (gate)
        {
            foreach (HeldBefore finding in findings)
            {
                if (trackers.TryGetValue((finding.Finding, finding.Netns), out FindingTracker? tracker))
                {
                    tracker.Resume(finding);
                }
                else
                {
                    heldBefore[(finding.Finding, finding.Netns)] = finding;
                }
            }
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
            Observation? own = null;
            var elsewhere = new List<Observation>();
            ImmutableArray<Resource>.Builder measured = ImmutableArray.CreateBuilder<Resource>();
            foreach (Observation observation in Observation.Of(snapshot, at, Thresholds, netns => MemoryOf(netns, now)))
            {
                seen.Add(observation.Netns);
                if (own is null)
                {
                    own = observation;
                }
                else
                {
                    elsewhere.Add(observation);
                }

                observation.Resources = resources.Follow(now, observation.IsOwn, ResourceReadings.Of(observation));
                measured.AddRange(observation.Resources);
                foreach (Rule rule in rules)
                {
                    Judge(rule, observation, now, at, failed);
                }
            }

            if (now >= AwaitedElsewhere)
            {
                // Of a namespace that is gone, or a rule that another version had.
                heldBefore.Clear();
            }

            resources.Forget(now);
            Forget(seen, now, at);
            IsCalm = !trackers.Values.Any(tracker => tracker.IsSerious);
            ImmutableArray<Gap> gaps = [.. Gaps(own!), .. GapsElsewhere(elsewhere)];
            return new DiagnosisReport(at, measured.ToImmutable(), Sort(trackers.Values.Select(tracker => tracker.Current).OfType<Finding>()), Count(failed, gaps))
            {
                Gaps = gaps,
                MissesNamespaces = snapshot.Collectors.Any(state => state.Reading is NamespacesReading { Missed: > 0 } or NamespacesReading { Denied: > 0 }),
                Beginning = Sort(trackers.Values.Select(tracker => tracker.Beginning).OfType<Finding>()),
                Awaited = [.. trackers.Values.Select(tracker => tracker.Awaited).OfType<HeldBefore>(), .. heldBefore.Values],
            };
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
            if (heldBefore.Remove((rule.Id, observation.Netns), out HeldBefore? before))
            {
                tracker.Resume(before);
            }

            ordered = null;
        }

        try
        {
            tracker.Take(now, at, InhabitantHolders.Add(observation, rule.Judge(observation, tracker.Basis)), Thresholds);
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

        // Where namespaces come and go each leaves what has held in it: the newest stay.
        if (trackers.Count - (seen.Count * rules.Length) > BoundElsewhere)
        {
            foreach (((string, string netns) key, _) in trackers.Where(entry => !seen.Contains(entry.Key.Netns)).OrderByDescending(entry => entry.Value.LastHeld).Skip(BoundElsewhere).ToList())
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

    private bool Holds(Rule rule, string netns) => trackers.TryGetValue((rule.Id, netns), out FindingTracker? tracker) && tracker.Held is not null;

    private IEnumerable<Gap> GapsElsewhere(List<Observation> others) => rules
        .SelectMany(rule => rule.Inputs.Where(input => input.MattersElsewhere).Select(input => (rule, input)))
        .Where(one => others.Exists(other => !one.input.IsKnown(other) && !Holds(one.rule, other.Netns)))
        .GroupBy(one => one.input)
        .Select(gap => new Gap("namespaces", [gap.Key.Lack], [.. gap.Select(one => one.rule)]));

    // What holds is told, whatever else was not seen.
    private ImmutableArray<Gap> Gaps(Observation own) =>
    [
        .. rules.Where(rule => !Holds(rule, own.Netns))
            .SelectMany(rule => rule.Inputs.Select(input => (rule, input, state: own.StateOf(input))))
            .Where(one => one.state is InputState.Missing or InputState.SwitchedOff)
            .GroupBy(one => (one.input.Collector, one.state))
            .Select(gap => new Gap(gap.Key.Collector, [.. gap.Select(one => one.input).Where(input => !input.IsKnown(own)).Select(input => input.Lack).Distinct()], [.. gap.Select(one => one.rule).Distinct()])
            {
                IsSwitchedOff = gap.Key.state == InputState.SwitchedOff,
            }),
    ];

    // Every severity is known from the start, so that what begins is a rise from 0.
    private ImmutableArray<FindingCount> Count(HashSet<string> failed, ImmutableArray<Gap> gaps)
    {
        HashSet<Rule> untold = [.. gaps.SelectMany(gap => gap.Findings)];
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
                counts.Add(new FindingCount(tracker.Rule.Id, severity, tracker.Netns, tracker.Held == severity, tracker.Begun(severity), tracker.IsJudged(severity) && (tracker.Netns != KernelSource.OwnNamespace || !untold.Contains(tracker.Rule))));
            }
        }

        return counts.ToImmutable();
    }

    // What the verdict itself has seen goes before what rules say of findings in general. Descriptors are our own namespace's, wherever the sockets are.
    private static Finding? CauseOf(Finding finding, List<Finding> all) => finding.Verdict.Cause is { } cause
        ? all.Find(other => (other.Netns == finding.Netns || other.Netns == KernelSource.OwnNamespace) && cause.Is(other))
        : all.Find(other => other.Netns == finding.Netns && other.Severity > Severity.Info && finding.Rule.Causes.Contains(other.Id) && MayBeOfOne(finding, other));

    // What two different programs do is not one the cause of the other.
    private static bool MayBeOfOne(Finding finding, Finding other) => finding.Verdict.Holders.IsEmpty || (other.Verdict.Holders.IsEmpty && !finding.Rule.IsOfOneProcess)
        || finding.Verdict.Holders.Any(holder => other.Verdict.Holders.Any(also => also.Label == holder.Label));

    // The worst first, our own namespace's before others', the earliest first; and what brings another about before it.
    private ImmutableArray<Finding> Sort(IEnumerable<Finding> findings)
    {
        List<Finding> waiting =
        [
            .. findings.OrderByDescending(finding => finding.Severity).ThenBy(finding => finding.Netns != KernelSource.OwnNamespace)
                .ThenBy(finding => finding.Since).ThenBy(finding => rules.IndexOf(finding.Rule)),
        ];
        for (int i = 0; i < waiting.Count; i++)
        {
            Finding finding = waiting[i];
            waiting[i] = finding with { CausedBy = CauseOf(finding, waiting)?.Id };
        }

        ImmutableArray<Finding>.Builder sorted = ImmutableArray.CreateBuilder<Finding>(waiting.Count);
        while (waiting.Count > 0)
        {
            // The first whose cause is not still waiting; rules that name each other as causes would wait forever.
            int next = waiting.FindIndex(finding => !waiting.Exists(other => other.Netns == finding.Netns && other.Id == finding.CausedBy));
            sorted.Add(waiting[Math.Max(0, next)]);
            waiting.RemoveAt(Math.Max(0, next));
        }

        return RemedyAgreement.Of(sorted.ToImmutable());
    }
}
