using System.Collections.Immutable;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Sources;
using Microsoft.Extensions.Hosting;
using Serilog;

namespace ConnExporter.Sampling;

/// <summary>Runs the collectors, each on its thread, and watches over them: marks the stuck and drops what has become too old.</summary>
internal sealed class Sampler : BackgroundService
{
    /// <summary>A collector that waits for the kernel for longer than this is stuck.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(2);

    /// <summary>A good reading outlives failing successors by this many intervals.</summary>
    public const int KeptIntervals = 3;

    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(500);

    private readonly ISnapshotStore store;
    private readonly ImmutableArray<CollectorEntry> list;
    private readonly KernelSource kernel;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly CpuBudget budget;
    private readonly SampleDurations? durations;
    private readonly Action<Snapshot>? afterWatch;
    private readonly Lock gate = new();
    private readonly List<CollectorThread> threads = [];

    // Told to stop, not known to have ended.
    private readonly List<CollectorThread> stopped = [];
    private readonly HashSet<string> refused = [];
    private SamplingOptions? wanted;
    private NamespaceScope? scope;

    /// <summary>A sampler with no collector yet: <see cref="Apply"/> starts them.</summary>
    public Sampler(ISnapshotStore store, ImmutableArray<CollectorEntry> list, KernelSource kernel, TimeProvider time, ILogger log, SampleDurations? durations = null, Action<Snapshot>? afterWatch = null)
    {
        this.store = store;
        this.list = list;
        this.kernel = kernel;
        this.time = time;
        this.afterWatch = afterWatch;
        this.log = log;
        this.durations = durations;
        budget = new CpuBudget(SamplingOptions.DefaultCpuBudget, time);
    }

    /// <summary>Starts, stops and re-times collectors as the options say. Those that go on keep their readings and counters.</summary>
    public void Apply(SamplingOptions options)
    {
        lock (gate)
        {
            // What reads other network namespaces starts anew when it is told to read others than before.
            HashSet<string> outdated = scope == options.Namespaces ? [] : [.. list.Where(entry => entry.FollowsScope).Select(entry => entry.Name)];
            scope = options.Namespaces;
            foreach (CollectorThread thread in threads.Where(thread => !options.Collectors.ContainsKey(thread.Name) || outdated.Contains(thread.Name)).ToList())
            {
                thread.Stop();
                threads.Remove(thread);
                stopped.Add(thread);
                if (!options.Collectors.ContainsKey(thread.Name))
                {
                    durations?.Forget(thread.Name);
                }
            }

            budget.Share = options.CpuBudget;
            store.Update(snapshot => snapshot with { Collectors = Arrange(snapshot, options), CpuBudget = options.CpuBudget });
            wanted = options;
            threads.ForEach(running => running.Change(options.Collectors[running.Name]));
            StartMissing();
        }
    }

    /// <summary>Looks after the collectors once: marks those that are stuck, drops readings that are too old.</summary>
    public void Watch()
    {
        lock (gate)
        {
            StartMissing();
            Snapshot watched = store.Current;
            store.Update(snapshot =>
            {
                watched = snapshot;
                ImmutableArray<CollectorState> collectors = snapshot.Collectors;
                foreach (CollectorThread thread in threads)
                {
                    int index = snapshot.IndexOf(thread.Name);
                    CollectorState before = collectors[index];
                    CollectorState after = Judge(before, thread);
                    collectors = ReferenceEquals(before, after) ? collectors : collectors.SetItem(index, after);
                }

                return collectors == snapshot.Collectors ? snapshot : snapshot with { Collectors = collectors };
            });

            foreach (CollectorThread thread in threads.Where(thread => thread.Waiting > StuckAfter && watched.Collectors[watched.IndexOf(thread.Name)].Outcome != Outcome.Stuck))
            {
                log.Warning("Collector {Collector} is stuck: the kernel has not answered for {Seconds} s", thread.Name, StuckAfter.TotalSeconds);
            }
        }
    }

    /// <summary>Ends all collectors. One that the kernel holds is left behind.</summary>
    public void StopCollectors()
    {
        lock (gate)
        {
            threads.ForEach(thread => thread.Stop());
            long start = time.GetTimestamp();
            foreach (CollectorThread thread in threads)
            {
                TimeSpan left = StopPatience - time.GetElapsedTime(start);
                thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            }

            threads.Clear();
            wanted = null;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await SteadyThread.Run("watch", WatchOnce, stoppingToken);
        StopCollectors();
    }

    private TimeSpan WatchOnce()
    {
        Watch();
        afterWatch?.Invoke(store.Current);
        return WatchInterval;
    }

    // Those that should run and do not: at first all, later those for which there was no thread.
    private void StartMissing()
    {
        stopped.RemoveAll(thread => thread.Join(TimeSpan.Zero));
        foreach (CollectorEntry entry in list)
        {
            if (wanted?.Collectors.TryGetValue(entry.Name, out TimeSpan interval) != true || threads.Exists(thread => thread.Name == entry.Name))
            {
                continue;
            }

            // One that the kernel holds is one thread for good, however often the collector is switched off and on.
            if (stopped.Exists(thread => thread.Name == entry.Name && thread.Waiting > StuckAfter))
            {
                Refuse(entry.Name, Outcome.Stuck, "the kernel has not answered");
                continue;
            }

            var started = new CollectorThread(entry.Name, entry.Create(kernel, wanted), budget.Enter(interval, entry.Patience), store, time, log, durations?.Of(entry.Name)) { WalksSockets = entry.WalksSockets };
            if (!started.TryStart())
            {
                Refuse(entry.Name, Outcome.Broken, "no thread can be started (TasksMax=, ulimit -u, kernel.threads-max)");
                continue;
            }

            threads.Add(started);
            refused.Remove(entry.Name);
        }
    }

    private void Refuse(string collector, Outcome outcome, string failure)
    {
        store.Update(snapshot =>
        {
            int index = snapshot.IndexOf(collector);
            CollectorState before = snapshot.Collectors[index];
            CollectorState after = DropTooOld(before with { Outcome = outcome, Failure = failure });
            return before == after ? snapshot : snapshot with { Collectors = snapshot.Collectors.SetItem(index, after) };
        });
        if (refused.Add(collector))
        {
            log.Warning("Collector {Collector} cannot run: {Failure}; it is tried again each second", collector, failure);
        }
    }

    private ImmutableArray<CollectorState> Arrange(Snapshot snapshot, SamplingOptions options)
    {
        ImmutableArray<CollectorState>.Builder arranged = ImmutableArray.CreateBuilder<CollectorState>();
        foreach (CollectorEntry entry in list)
        {
            if (options.Collectors.TryGetValue(entry.Name, out TimeSpan interval))
            {
                int index = snapshot.IndexOf(entry.Name);
                arranged.Add(index < 0
                    ? new CollectorState { Name = entry.Name, Interval = interval }
                    : snapshot.Collectors[index] with { Interval = interval });
            }
        }

        return arranged.ToImmutable();
    }

    private CollectorState Judge(CollectorState state, CollectorThread thread)
    {
        if (thread.Waiting > StuckAfter && state.Outcome != Outcome.Stuck)
        {
            state = state with { Outcome = Outcome.Stuck, Failure = "the kernel has not answered" };
        }

        if (state.Interval != thread.Interval)
        {
            // A shorter one may be over already.
            state = state with { Interval = thread.Interval };
            thread.Wake();
        }

        return DropTooOld(state);
    }

    private CollectorState DropTooOld(CollectorState state)
    {
        bool tooOld = state.Reading is not null && state.Outcome != Outcome.Ok
            && time.GetElapsedTime(state.LastSuccessTimestamp) > state.Interval * KeptIntervals;
        return tooOld ? state with { Reading = null } : state;
    }
}

/// <summary>Who is told how long samples took.</summary>
/// <param name="Of">What takes the durations of one collector, by its name.</param>
/// <param name="Forget">A collector is no more.</param>
internal sealed record SampleDurations(Func<string, Action<TimeSpan>> Of, Action<string> Forget);
