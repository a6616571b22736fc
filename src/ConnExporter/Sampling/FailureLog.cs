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
    private (FailureKind Kind, string Reason)? last;
    private long loggedAt;
    private int suppressed;

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
        (FailureKind, string)? now = failure is null ? null : (failure.Kind, failure.Reason);
        if (now == last && (failure is null || failure.Kind == FailureKind.Absent || time.GetElapsedTime(loggedAt) < Quiet))
        {
            suppressed += failure is null ? 0 : 1;
            return;
        }

        switch (failure?.Kind)
        {
            case null:
                log.Information("Collector {Collector} reads again", collector);
                break;
            case FailureKind.Absent:
                log.Information("Collector {Collector}: not on this host: {Failure}", collector, failure.Message);
                break;
            case FailureKind.Denied:
                log.Warning("Collector {Collector} was denied: {Failure}; {Suppressed} like it were not logged", collector, failure.Message, suppressed);
                break;
            default:
                log.Warning("Collector {Collector} failed: {Failure}; {Suppressed} like it were not logged", collector, failure.InnerException ?? failure, suppressed);
                break;
        }

        last = now;
        loggedAt = time.GetTimestamp();
        suppressed = 0;
    }
}
