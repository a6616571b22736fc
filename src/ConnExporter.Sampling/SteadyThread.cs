using ConnExporter.Kernel;

namespace ConnExporter.Sampling;

/// <summary>A thread that does one thing again and again.</summary>
/// <remarks>
/// Not a timer of the thread pool: that wakes a timer thread, a worker and the one that watches over workers, each time, and on an idle host these wakings
/// are most of what the daemon costs.
/// </remarks>
internal static class SteadyThread
{
    private const int StackSize = 256 * 1024;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Its name, as <c>top -H</c> shows it.</param>
    /// <param name="turn">Does the thing once and tells how long to wait before the next time.</param>
    /// <param name="end">Ends it.</param>
    /// <param name="after">How long after the whole second its turns begin, see <see cref="Beat"/>.</param>
    /// <returns>Completes when the thread has ended; faults with what a turn threw.</returns>
    public static Task Run(string name, Func<TimeSpan> turn, CancellationToken end, TimeSpan after = default)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sleeper = new Sleeper();
        var thread = new Thread(
            () =>
            {
                try
                {
                    using CancellationTokenRegistration wake = end.Register(sleeper.Wake);
                    while (!end.IsCancellationRequested)
                    {
                        long start = TimeProvider.System.GetTimestamp();
                        Await(start, turn(), after, sleeper, end);
                    }

                    ended.SetResult();
                }
                catch (Exception e)
                {
                    ended.SetException(e);
                }
            },
            StackSize)
        {
            Name = name,
            IsBackground = true,
        };
        thread.Start();
        return ended.Task;
    }

    private static void Await(long start, TimeSpan interval, TimeSpan after, Sleeper sleeper, CancellationToken end)
    {
        while (true)
        {
            int ticket = sleeper.Ticket;
            TimeSpan pause = Beat.Until(start, interval, TimeProvider.System, after);
            if (pause <= TimeSpan.Zero || end.IsCancellationRequested)
            {
                return;
            }

            sleeper.Sleep(ticket, pause);
        }
    }
}
