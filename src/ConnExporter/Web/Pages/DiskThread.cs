using ConnExporter.Incidents;
using ConnExporter.Kernel;
using Serilog;

namespace ConnExporter.Web.Pages;

/// <summary>
/// The one thread that reads the disk for those who ask over the network, and makes and compresses what they get of it. A disk that hangs holds this
/// thread, however many ask, and none of those that answer requests.
/// </summary>
/// <remarks>
/// Who waits longer than <see cref="Patience"/> is told so and leaves nothing behind; while the thread is held longer than that, everybody is told at once. Who
/// asks for the same gets the same answer, which is good for <see cref="Kept"/>.
/// </remarks>
internal sealed class DiskThread : IDisposable
{
    /// <summary>How long anybody waits.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer is given again.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(1);

    /// <summary>Different questions that may wait.</summary>
    public const int WaitingBound = 16;

    // What is larger is read again: it would be kept for nobody in particular.
    private const int LargestKept = 1 << 20;
    private const int KeptBound = 2 * WaitingBound;
    private const int StackSize = 256 * 1024;
    private static readonly TimeSpan LogAfter = TimeSpan.FromMinutes(1);

    private readonly string directory;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly object gate = new();
    private readonly LinkedList<Job> waiting = [];
    private readonly Dictionary<DiskQuestion, Job> jobs = [];
    private readonly Thread thread;
    private Job? current;
    private bool isTold;
    private long? toldAt;
    private bool ended;

    /// <summary>Starts the thread.</summary>
    /// <param name="directory">What it reads, for messages.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Is told when the disk stops answering, and when it answers again.</param>
    public DiskThread(string directory, TimeProvider time, ILogger log)
    {
        this.directory = directory;
        this.time = time;
        this.log = log;
        thread = new Thread(Run, StackSize) { Name = "disk", IsBackground = true };
        thread.Start();
    }

    /// <summary>Asks the disk.</summary>
    /// <param name="question">What is asked: who asks the same at the same time gets the same answer.</param>
    /// <param name="read">Finds the answer, on the thread; null where there is no such thing.</param>
    /// <param name="end">The asker has gone.</param>
    /// <exception cref="IncidentException">The disk does not answer, or says that it cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The asker has gone.</exception>
    public async Task<PageAnswer?> AskAsync(DiskQuestion question, Func<PageAnswer?> read, CancellationToken end)
    {
        Job job = Enter(question, read);
        try
        {
            return await job.Answer.WaitAsync(Patience, time, end);
        }
        catch (TimeoutException)
        {
            throw new IncidentException(NoAnswer);
        }
        finally
        {
            Leave(job);
        }
    }

    /// <summary>Ends the thread, unless the disk holds it; then the end of the process ends it.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            ended = true;
            Monitor.Pulse(gate);
        }
    }

    /// <summary>Why it is no use to ask now; null where it may be. To say so takes no exception, of which there would be thousands.</summary>
    public string? Refusal()
    {
        bool tell;
        lock (gate)
        {
            if (current is null || time.GetElapsedTime(current.Since) < Patience)
            {
                return null;
            }

            tell = !isTold && (toldAt is not { } before || time.GetElapsedTime(before) > LogAfter);
            if (tell)
            {
                (isTold, toldAt) = (true, time.GetTimestamp());
            }
        }

        if (tell)
        {
            log.Warning("The disk has not answered for {Seconds} s: {Directory}; its incidents cannot be shown", Patience.TotalSeconds, directory);
        }

        return NoAnswer;
    }

    private string NoAnswer => $"{directory}: the disk does not answer";

    private Job Enter(DiskQuestion question, Func<PageAnswer?> read)
    {
        if (Refusal() is { } refusal)
        {
            throw new IncidentException(refusal);
        }

        lock (gate)
        {
            if (jobs.TryGetValue(question, out Job? same) && (!same.Answer.IsCompleted || time.GetElapsedTime(same.Since) < Kept))
            {
                same.Askers++;
                return same;
            }

            if (waiting.Count >= WaitingBound || ended)
            {
                throw new IncidentException($"{directory}: too many wait for the disk");
            }

            var job = new Job(question, read, time.GetTimestamp()) { Askers = 1 };
            jobs[question] = job;
            waiting.AddLast(job);
            Monitor.Pulse(gate);
            return job;
        }
    }

    // What nobody waits for any more is not read.
    private void Leave(Job job)
    {
        lock (gate)
        {
            if (--job.Askers == 0 && waiting.Remove(job))
            {
                jobs.Remove(job.Question);
            }
        }
    }

    private void Run()
    {
        BackgroundThread.GiveWay();
        while (Next() is { } job)
        {
            PageAnswer? answer = null;
            Exception? failure = null;
            int size = 0;
            try
            {
                answer = job.Read();

                // Compressed here, if at all.
                size = answer?.Content(job.Question.Compressed).Length ?? 0;
            }
            catch (Exception e)
            {
                // Thrown again where it was asked for.
                failure = e;
            }

            Finish(job, size);
            job.Complete(answer, failure);
        }
    }

    private void Finish(Job job, int size)
    {
        bool tell;
        TimeSpan took;
        lock (gate)
        {
            took = time.GetElapsedTime(job.Since);
            current = null;
            job.Since = time.GetTimestamp();
            (tell, isTold) = (isTold, false);
            if (size > LargestKept)
            {
                jobs.Remove(job.Question);
            }

            if (jobs.Count > KeptBound)
            {
                foreach (Job answered in jobs.Values.Where(one => one.Answer.IsCompleted).ToList())
                {
                    jobs.Remove(answered.Question);
                }
            }
        }

        if (tell)
        {
            log.Information("The disk answers again, after {Seconds} s: {Directory}", (long)took.TotalSeconds, directory);
        }
    }

    private Job? Next()
    {
        lock (gate)
        {
            while (true)
            {
                if (ended)
                {
                    return null;
                }

                if (waiting.First is { } first)
                {
                    waiting.RemoveFirst();
                    current = first.Value;
                    current.Since = time.GetTimestamp();
                    return current;
                }

                // Nobody keeps an answer, which may be large, for longer than it is good for.
                if (jobs.Count == 0)
                {
                    Monitor.Wait(gate);
                }
                else if (!Monitor.Wait(gate, Kept))
                {
                    jobs.Clear();
                }
            }
        }
    }

    private sealed class Job(DiskQuestion question, Func<PageAnswer?> read, long since)
    {
        // The askers go on elsewhere, not on the disk's thread.
        private readonly TaskCompletionSource<PageAnswer?> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public DiskQuestion Question { get; } = question;

        public Func<PageAnswer?> Read { get; } = read;

        public Task<PageAnswer?> Answer => answer.Task;

        /// <summary>How many wait for it.</summary>
        public int Askers { get; set; }

        /// <summary>When it was asked; once it is being read, when that began; once it is answered, when that was.</summary>
        public long Since { get; set; } = since;

        public void Complete(PageAnswer? result, Exception? failure)
        {
            if (failure is null)
            {
                answer.SetResult(result);
                return;
            }

            answer.SetException(failure);

            // Nobody may be left to look at it.
            _ = answer.Task.Exception;
        }
    }
}

/// <summary>What is asked of the disk.</summary>
/// <param name="Path">The path of the page.</param>
/// <param name="Record">The record; null for the one that the page chooses.</param>
/// <param name="Language">The language of the page, by its tag.</param>
/// <param name="Compressed">Whether with gzip.</param>
internal readonly record struct DiskQuestion(string Path, int? Record, string Language, bool Compressed);
