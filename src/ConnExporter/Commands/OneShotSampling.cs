using ConnExporter.Configuration;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using Serilog;

namespace ConnExporter.Commands;

/// <summary>The collectors at work without a daemon, until the command has what it came for.</summary>
internal sealed class OneShotSampling : IDisposable
{
    // A million sockets on a loaded host take their time; what never answers is shown as stuck.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // What counts reads each second, and may be at it.
    private static readonly TimeSpan MorePatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    private readonly SnapshotStore store;
    private readonly Sampler sampler;
    private readonly TimeProvider time;
    private readonly long start;

    /// <summary>Starts them.</summary>
    /// <param name="options">What they read, and how often.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Takes what they have to say.</param>
    /// <param name="allAtOnce">Whether each census finds all holders, which takes its time; else they become known one after the other.</param>
    public OneShotSampling(ExporterOptions options, TimeProvider time, ILogger log, bool allAtOnce = true)
    {
        this.time = time;
        store = new SnapshotStore();
        sampler = new Sampler(store, CollectorList.All, KernelSource.Host(options.ProcPath, options.SysPath, options.RootPath), time, log);
        sampler.Apply(options with { Census = options.Census with { AllAtOnce = allAtOnce } });
        start = time.GetTimestamp();
    }

    /// <summary>What is known by now; sees to it that collectors that hang are known to.</summary>
    public Snapshot Look()
    {
        sampler.Watch();
        return store.Current;
    }

    /// <summary>Waits until each collector has answered or is stuck for good.</summary>
    public Snapshot Wait() => Wait(HaveAnswered, Patience);

    /// <summary>Waits for a part of that.</summary>
    /// <param name="enough">Which.</param>
    public Snapshot WaitFor(Func<Snapshot, bool> enough) => Wait(enough, Patience);

    /// <summary>Waits for all, and for something more, also where a first wait has taken all its time over a collector that does not answer.</summary>
    /// <param name="enough">What.</param>
    public Snapshot WaitOn(Func<Snapshot, bool> enough)
    {
        TimeSpan least = time.GetElapsedTime(start) + MorePatience;
        Wait(HaveAnswered, Patience);
        return Wait(enough, least > Patience ? least : Patience);
    }

    private static bool HaveAnswered(Snapshot snapshot) => snapshot.Collectors.All(state => state.Outcome is not (null or Outcome.Stuck));

    private Snapshot Wait(Func<Snapshot, bool> enough, TimeSpan until)
    {
        while (!enough(store.Current) && time.GetElapsedTime(start) < until)
        {
            Thread.Sleep(Pause);
            sampler.Watch();
        }

        return store.Current;
    }

    public void Dispose()
    {
        sampler.StopCollectors();
        sampler.Dispose();
    }
}
