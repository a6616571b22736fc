using ConnExporter.Kernel;
using Serilog;

namespace ConnExporter.Sampling;

/// <summary>Logs a collector's failures: the first of a kind at once, then at most one a minute with the number left out between.</summary>
internal sealed class FailureLog
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);
    private readonly string collector;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Dictionary<(FailureKind Kind, string Reason), (long LoggedAt, int Suppressed)> seen = [];
    private (FailureKind Kind, string Reason)? told;

    public FailureLog(string collector, TimeProvider time, ILogger log)
    {
        this.collector = collector;
        this.time = time;
        this.log = log;
    }

    /// <summary>Takes note of how a sample ended.</summary>
    /// <param name="failure">Why it gave no reading; null where it did.</param>
    public void Report(KernelReadException? failure)
    {
        if (failure is null)
        {
            // The end of a failure that was not logged is not logged either: a source that comes and goes would fill the log.
            if (told is not null)
            {
                log.Information("Collector {Collector} reads again", collector);
            }

            told = null;
            return;
        }

        (FailureKind, string) now = (failure.Kind, failure.Reason);
        if (seen.TryGetValue(now, out (long LoggedAt, int Suppressed) before)
            && ((failure.Kind == FailureKind.Absent && told == now) || time.GetElapsedTime(before.LoggedAt) < Quiet))
        {
            seen[now] = before with { Suppressed = before.Suppressed + 1 };
            return;
        }

        Write(failure, before.Suppressed);
        seen[now] = (time.GetTimestamp(), 0);
        told = now;
    }

    private void Write(KernelReadException failure, int suppressed)
    {
        switch (failure.Kind)
        {
            case FailureKind.Absent when failure.IsHidden:
                log.Warning("Collector {Collector}: hidden from this process: {Failure}", collector, failure.Message);
                break;
            case FailureKind.Absent:
                log.Information("Collector {Collector}: not on this host: {Failure}", collector, failure.Message);
                break;
            case FailureKind.Denied:
                log.Warning("Collector {Collector} was denied: {Failure}; {Suppressed} like it were not logged", collector, failure.Message, suppressed);
                break;
            default:
                // Where a defect lies is told by its stack; a bad file is told by the message.
                log.Warning(failure.InnerException, "Collector {Collector} failed: {Failure}; {Suppressed} like it were not logged", collector, failure.Message, suppressed);
                break;
        }
    }
}
