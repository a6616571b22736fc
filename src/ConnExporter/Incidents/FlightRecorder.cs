using System.Collections.Concurrent;
using ConnExporter.Diagnosis;
using ConnExporter.Sampling;
using Serilog;

namespace ConnExporter.Incidents;

/// <summary>
/// Keeps the evidence before somebody restarts the service: writes a record when an incident begins, gets worse and ends. It has a thread of its own, so
/// that a disk that does not answer costs the record and nothing else.
/// </summary>
internal sealed class FlightRecorder : IDisposable
{
    // More are waiting only where the disk hangs.
    private const int Waiting = 8;
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(500);

    private readonly Diagnostician diagnostician;
    private readonly IncidentStore? store;
    private readonly ILogger log;
    private readonly string kernel;
    private readonly TimeProvider time;
    private readonly IncidentFollower follower = new();
    private readonly BlockingCollection<(IncidentRecord Record, Snapshot Snapshot)> queue = new(Waiting);
    private readonly Thread? thread;
    private volatile RecorderOptions options;
    private long incidents;
    private long written;
    private long failed;
    private string? lastFailure;

    /// <summary>Starts it.</summary>
    /// <param name="options">Where to, and the bounds.</param>
    /// <param name="diagnostician">Knows the history.</param>
    /// <param name="directory">The directory; null to count incidents and record none.</param>
    /// <param name="kernel">The release of the kernel.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">The log.</param>
    public FlightRecorder(RecorderOptions options, Diagnostician diagnostician, string? directory, string kernel, TimeProvider time, ILogger log)
    {
        this.options = options;
        this.diagnostician = diagnostician;
        this.kernel = kernel;
        this.time = time;
        this.log = log;
        if (directory is null)
        {
            return;
        }

        store = new IncidentStore(directory);
        thread = new Thread(Run, 256 * 1024) { Name = "recorder", IsBackground = true };
        thread.Start();
    }

    /// <summary>What the page says of it.</summary>
    public RecorderState State => new(store is not null, (ulong)Interlocked.Read(ref incidents), (ulong)Interlocked.Read(ref written), (ulong)Interlocked.Read(ref failed));

    /// <summary>The records; null where none are kept.</summary>
    public IncidentStore? Store => store;

    /// <summary>The bounds; a change counts from the next record on.</summary>
    public RecorderOptions Options
    {
        get => options;
        set => options = value;
    }

    /// <summary>Takes a snapshot with a new report. Never waits.</summary>
    public void Take(Snapshot snapshot)
    {
        if (follower.Take(snapshot.Report!, options.Interval) is not { } record)
        {
            return;
        }

        if (record.Event == IncidentEvent.Begin)
        {
            Interlocked.Increment(ref incidents);
        }

        if (store is not null && !queue.TryAdd((record, snapshot)))
        {
            Fail(record, "the disk does not answer");
        }
    }

    public void Dispose()
    {
        queue.CompleteAdding();

        // A disk that hangs does not hold up the end; what it has not taken is lost.
        if (thread?.Join(StopPatience) != false)
        {
            queue.Dispose();
        }
    }

    private void Run()
    {
        try
        {
            store!.RemoveUnfinished();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warning("The flight recorder cannot look into {Directory}: {Failure}", store!.Directory, e.Message);
        }

        foreach ((IncidentRecord record, Snapshot snapshot) in queue.GetConsumingEnumerable())
        {
            try
            {
                store.Write(record, IncidentJson.Write(record, snapshot, Environment.MachineName, kernel, diagnostician, time), options.MaxCount, options.MaxBytes);
                Interlocked.Increment(ref written);
                lastFailure = null;
                log.Information("Incident {Incident} ({Event}) is recorded: conn-exporter incidents show {Incident}", record.Incident, record.EventLabel, record.Incident);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Fail(record, e.Message);
            }
        }
    }

    private void Fail(IncidentRecord record, string failure)
    {
        Interlocked.Increment(ref failed);
        if (Interlocked.Exchange(ref lastFailure, failure) != failure)
        {
            log.Error("Incident {Incident} ({Event}) cannot be recorded: {Failure}", record.Incident, record.EventLabel, failure);
        }
    }
}

/// <summary>The flight recorder as a snapshot shows it.</summary>
/// <param name="Enabled">Whether it has a directory.</param>
/// <param name="Incidents">Incidents that began.</param>
/// <param name="Written">Records written.</param>
/// <param name="Failed">Records lost.</param>
internal sealed record RecorderState(bool Enabled, ulong Incidents, ulong Written, ulong Failed);
