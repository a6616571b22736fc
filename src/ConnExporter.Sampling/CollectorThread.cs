using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using Serilog;

namespace ConnExporter.Sampling;

/// <summary>The one long-lived thread of one collector: samples on its interval and publishes each outcome.</summary>
/// <remarks>A thread of its own, not the pool's: a read that the kernel never answers stops this collector and nothing else.</remarks>
internal sealed class CollectorThread
{
    private const int StackSize = 256 * 1024;

    // How soon a walk that does not fit into the budget asks again.
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private readonly Collector collector;
    private readonly ISnapshotStore store;
    private readonly Action<TimeSpan>? durations;
    private readonly TimeProvider time;
    private readonly CollectContext context;
    private readonly FailureLog failures;
    private readonly Sleeper sleeper = new();
    private readonly Thread thread;
    private readonly CpuBudget.Pace pace;
    private long startedAt;
    private volatile bool sampling;
    private volatile bool stopping;

    public CollectorThread(string name, Collector collector, CpuBudget.Pace pace, ISnapshotStore store, TimeProvider time, ILogger log, Action<TimeSpan>? durations = null)
    {
        Name = name;
        this.collector = collector;
        this.store = store;
        this.durations = durations;
        this.time = time;
        context = new CollectContext(time, warning => log.Warning("Collector {Collector}: {Warning}", name, warning), () => Interlocked.Exchange(ref startedAt, time.GetTimestamp()), () => store.Current, pace.Admits);
        failures = new FailureLog(name, time, log);
        this.pace = pace;
        thread = new Thread(Run, StackSize) { Name = name, IsBackground = true };
    }

    public string Name { get; }

    /// <summary>See <see cref="CollectorEntry.WalksSockets"/>.</summary>
    public bool WalksSockets { get; init; }

    /// <summary>The interval in force, which the budget may have stretched.</summary>
    public TimeSpan Interval => pace.Interval;

    /// <summary>How long the sample in progress has been waiting for an answer of the kernel; null between samples.</summary>
    public TimeSpan? Waiting => sampling ? time.GetElapsedTime(Interlocked.Read(ref startedAt)) : null;

    /// <summary>Starts the thread.</summary>
    /// <returns>False where no thread is to be had; then everything is given back.</returns>
    public bool TryStart()
    {
        try
        {
            thread.Start();
            return true;
        }
        catch (OutOfMemoryException)
        {
            // That is how the runtime tells EAGAIN of clone(2): TasksMax=, ulimit -u, kernel.threads-max.
            pace.Dispose();
            collector.Dispose();
            return false;
        }
    }

    /// <summary>Asks for another interval; it takes effect at once.</summary>
    public void Change(TimeSpan interval)
    {
        if (interval != pace.Wanted)
        {
            pace.Change(interval);
            Wake();
        }
    }

    /// <summary>Has the thread look again when its next sample is due.</summary>
    public void Wake() => sleeper.Wake();

    /// <summary>Asks the thread to end after the sample in progress; nothing more is published.</summary>
    public void Stop()
    {
        stopping = true;
        Wake();
    }

    /// <summary>Waits for the thread's end.</summary>
    /// <returns>False where the kernel still holds it.</returns>
    public bool Join(TimeSpan timeout) => thread.Join(timeout);

    private void Run()
    {
        if (WalksSockets)
        {
            Capabilities.DropNetAdminFromThread();
        }

        while (!stopping)
        {
            long start = time.GetTimestamp();
            SampleOnce(start);
            AwaitNext(start);
        }

        pace.Dispose();
        collector.Dispose();
    }

    // From the start of the sample, so that the interval holds. After a suspended hour one sample follows, not a burst.
    // The ticket first: a change of the interval either counts here already or voids it.
    private void AwaitNext(long start)
    {
        while (true)
        {
            int ticket = sleeper.Ticket;
            if (stopping)
            {
                return;
            }

            TimeSpan pause = Beat.Until(start, pace.Interval, time);
            if (pause <= TimeSpan.Zero)
            {
                if (pace.Admitted)
                {
                    return;
                }

                pause = AskAgain;
            }

            sleeper.Sleep(ticket, pause < LongestWait ? pause : LongestWait);
        }
    }

    private void SampleOnce(long start)
    {
        Interlocked.Exchange(ref startedAt, start);
        sampling = true;
        TimeSpan cpuBefore = ThreadClock.CpuTime();
        Reading? reading = null;
        KernelReadException? failure = null;
        try
        {
            reading = collector.Collect(context);
            failure = context.TakeMissing();
        }
        catch (KernelReadException e)
        {
            failure = e;
            context.TakeMissing();
        }
        catch (Exception e)
        {
            // A defect in one collector must not take the others down. It is shown as what it is.
            failure = new KernelReadException(FailureKind.Broken, "internal", $"a defect in this program: {e.Message}", e);
        }

        TimeSpan cpu = ThreadClock.CpuTime() - cpuBefore + context.TakeSpent();
        long end = time.GetTimestamp();
        sampling = false;
        pace.Spend(cpu, context.TakeSeldom());
        failures.Report(failure);
        TimeSpan took = time.GetElapsedTime(start, end);
        durations?.Invoke(took);
        Publish(reading, failure, end, took, cpu);
    }

    private void Publish(Reading? reading, KernelReadException? failure, long at, TimeSpan duration, TimeSpan cpu)
    {
        DateTimeOffset now = time.GetUtcNow();
        ulong rejected = context.TakeRejected();
        store.Update(snapshot =>
        {
            int index = stopping ? -1 : snapshot.IndexOf(Name);
            if (index < 0)
            {
                return snapshot;
            }

            CollectorState before = snapshot.Collectors[index];
            CollectorState after = before with
            {
                Interval = pace.Interval,
                Outcome = failure?.Kind switch
                {
                    null => Outcome.Ok,
                    FailureKind.Absent when reading is null => Outcome.Absent,
                    FailureKind.Denied => Outcome.Denied,
                    _ => Outcome.Broken,
                },
                Reading = reading ?? before.Reading,
                LastSuccess = reading is null ? before.LastSuccess : now,
                LastSuccessTimestamp = reading is null ? before.LastSuccessTimestamp : at,
                Duration = duration,
                CpuTime = before.CpuTime + cpu,
                Failure = failure?.Message,
                Note = context.LastNote,
                Dropped = context.Dropped,
                Errors = Count(before.Errors, failure, rejected),
            };
            return snapshot with { Collectors = snapshot.Collectors.SetItem(index, after) };
        });
    }

    private static ImmutableArray<ulong> Count(ImmutableArray<ulong> errors, KernelReadException? failure, ulong rejected)
    {
        if (rejected > 0)
        {
            int parse = KernelReadException.Reasons.IndexOf("parse");
            errors = errors.SetItem(parse, errors[parse] + rejected);
        }

        int reason = failure is null ? -1 : KernelReadException.Reasons.IndexOf(failure.Reason);
        return reason < 0 ? errors : errors.SetItem(reason, errors[reason] + 1);
    }
}
