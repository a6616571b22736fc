using ConnExporter.Kernel;
using ConnExporter.Sampling;

namespace ConnExporter.Hosting;

/// <summary>
/// A thread for what may hang, such as reading a file: it does one thing whenever it is asked to, and again and again where that is wanted. Who asks need not wait,
/// and however often it is asked while it is at it, that is one more time.
/// </summary>
internal sealed class AskedThread : IDisposable
{
    /// <summary>What takes longer is held by something, the disk as a rule.</summary>
    public static readonly TimeSpan HeldAfter = TimeSpan.FromSeconds(5);

    private const int StackSize = 256 * 1024;

    // A sleep has to have an end.
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private readonly TimeSpan? every;
    private readonly Action<bool> work;
    private readonly Action held;
    private readonly Action<Exception> defect;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly Sleeper sleeper = new();
    private TaskCompletionSource? asked;
    private long? busySince;
    private bool isTold;
    private volatile bool ended;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Its name, as <c>top -H</c> shows it.</param>
    /// <param name="every">The time from turn to turn where nobody asks; null to wait until somebody does.</param>
    /// <param name="work">Does it; is told whether somebody asked.</param>
    /// <param name="held">Is told once when it takes longer than <see cref="HeldAfter"/>, see <see cref="Watch"/>.</param>
    /// <param name="defect">Is told of what it threw, which is a defect in this program; it goes on.</param>
    /// <param name="time">The clock.</param>
    public AskedThread(string name, TimeSpan? every, Action<bool> work, Action held, Action<Exception> defect, TimeProvider time)
    {
        this.every = every;
        this.work = work;
        this.held = held;
        this.defect = defect;
        this.time = time;
        new Thread(Run, StackSize) { Name = name, IsBackground = true }.Start();
    }

    /// <summary>Asks for another time.</summary>
    /// <returns>Completes when a turn that began after this call has ended.</returns>
    public Task Ask()
    {
        lock (gate)
        {
            asked ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            sleeper.Wake();
            return asked.Task;
        }
    }

    /// <summary>Looks whether it hangs. To be called about once a second, by another thread.</summary>
    public void Watch()
    {
        lock (gate)
        {
            if (isTold || busySince is not { } since || time.GetElapsedTime(since) < HeldAfter)
            {
                return;
            }

            isTold = true;
        }

        held();
    }

    /// <summary>Ends the thread, unless it is held; then the end of the process ends it.</summary>
    public void Dispose()
    {
        ended = true;
        sleeper.Wake();
    }

    private void Run()
    {
        while (!ended)
        {
            long start = time.GetTimestamp();
            TurnOnce(start);
            Await(start);
        }
    }

    private void TurnOnce(long start)
    {
        TaskCompletionSource? mine;
        lock (gate)
        {
            (mine, asked) = (asked, null);
            busySince = start;
        }

        try
        {
            if (mine is not null || every is not null)
            {
                work(mine is not null);
            }
        }
        catch (Exception e)
        {
            defect(e);
        }

        lock (gate)
        {
            busySince = null;
            isTold = false;
        }

        mine?.SetResult();
    }

    private void Await(long start)
    {
        while (!ended)
        {
            int ticket = sleeper.Ticket;
            lock (gate)
            {
                if (asked is not null)
                {
                    return;
                }
            }

            TimeSpan pause = every is { } interval ? Beat.Until(start, interval, time) : Never;
            if (pause <= TimeSpan.Zero)
            {
                return;
            }

            sleeper.Sleep(ticket, pause);
        }
    }
}
