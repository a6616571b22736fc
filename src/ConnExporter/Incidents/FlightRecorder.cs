using System.Collections.Concurrent;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Kernel;
using ConnExporter.State;
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

    // Each time another daemon has been quicker.
    private const int Attempts = 8;
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan HeldAfter = TimeSpan.FromSeconds(5);

    // The next daemon believes a note of the last ten minutes.
    private static readonly TimeSpan NoteInterval = TimeSpan.FromMinutes(1);

    private readonly Diagnostician diagnostician;
    private readonly IncidentStore? store;
    private readonly ILogger log;
    private readonly string kernel;
    private readonly TimeProvider time;
    private readonly IncidentFollower follower = new();
    private readonly BlockingCollection<Work> queue = new(Waiting);
    private readonly string? boot;
    private readonly long started;
    private readonly Thread? thread;
    private volatile RecorderOptions options;
    private long incidents;
    private long written;
    private long failed;
    private string? lastFailure;
    private long busySince;
    private bool isTold;
    private (string Asked, string Id)? current;
    private volatile OpenIncident? resumed;
    private volatile bool hasLooked;
    private OpenIncident? noted;
    private long notedAt;
    private string? lastNoteFailure;

    // All of the recorder's thread.
    private FileLock? claim;
    private bool isShared;
    private string? lastClaimFailure;

    /// <summary>Starts it.</summary>
    /// <param name="options">Where to, and the bounds.</param>
    /// <param name="diagnostician">Knows the history.</param>
    /// <param name="directory">The directory; null to count incidents and record none.</param>
    /// <param name="kernel">The release of the kernel.</param>
    /// <param name="boot">The kernel's <c>boot_id</c>; null where it is not known, and an incident does not outlive the daemon then.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">The log.</param>
    public FlightRecorder(RecorderOptions options, Diagnostician diagnostician, string? directory, string kernel, string? boot, TimeProvider time, ILogger log)
    {
        this.options = options;
        this.diagnostician = diagnostician;
        this.kernel = kernel;
        this.boot = boot;
        started = time.GetTimestamp();
        this.time = time;
        this.log = log;
        if (directory is null)
        {
            return;
        }

        store = new IncidentStore(
            directory, path => log.Warning("{Path} has the name of a record and is no file of uid {User}; it is left alone, and the bounds of the records do not count it", path, FileOwner.Own));
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

    /// <summary>Takes a state with a new report. Never waits.</summary>
    public void Take(ExporterState state)
    {
        WatchDisk();

        // What went on before the start is not known before the disk has answered; one that hangs is not waited for.
        if (store is not null && !hasLooked && time.GetElapsedTime(started) < HeldAfter)
        {
            return;
        }

        if (resumed is { } open)
        {
            // This report may be older than what it says was awaited.
            resumed = null;
            follower.Resume(open);
            return;
        }

        DiagnosisReport report = state.Report!;
        IncidentRecord? record = follower.Take(report, options.Interval);
        if (record?.Event == IncidentEvent.Begin)
        {
            Interlocked.Increment(ref incidents);
        }

        if (store is null)
        {
            return;
        }

        OpenIncident? note = boot is null ? null : follower.OpenOf(report);
        bool isNoteDue = note is not null && (!IsSame(note, noted) || time.GetElapsedTime(notedAt) >= NoteInterval);
        if (record is null && !isNoteDue)
        {
            return;
        }

        if (queue.TryAdd(new Work(record, state, note)))
        {
            (noted, notedAt) = (note, time.GetTimestamp());
        }
        else if (record is not null)
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
            claim?.Dispose();
        }
    }

    // What waits is neither written nor lost yet, and no number tells of it.
    private void WatchDisk()
    {
        long since = Interlocked.Read(ref busySince);
        bool held = since != 0 && time.GetElapsedTime(since) > HeldAfter;
        if (held && !isTold)
        {
            log.Error("The disk has not answered for {Seconds} s: {Directory}; until it does no incident is recorded", HeldAfter.TotalSeconds, store!.Directory);
        }

        isTold = held;
    }

    private void Run()
    {
        Interlocked.Exchange(ref busySince, time.GetTimestamp());
        bool isOurs = IsOurs();
        try
        {
            store!.RefuseNoDirectory();
            if (isOurs)
            {
                store.RemoveUnfinished();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warning("The flight recorder cannot look into {Directory}: {Failure}", store!.Directory, e.Message);
        }

        if (isOurs)
        {
            Resume();
        }

        hasLooked = true;
        Interlocked.Exchange(ref busySince, 0);
        foreach (Work work in queue.GetConsumingEnumerable())
        {
            Interlocked.Exchange(ref busySince, time.GetTimestamp());
            if (work.Record is { } record)
            {
                Record(record, work.State);
            }

            Note(work);
            Interlocked.Exchange(ref busySince, 0);
        }
    }

    private void Record(IncidentRecord record, ExporterState state)
    {
        try
        {
            IncidentRecord kept = Write(record, state);
            Interlocked.Increment(ref written);
            lastFailure = null;
            log.Information("Incident {Incident} ({Event}) is recorded: conn-exporter incidents show {Incident}", kept.Incident, kept.EventLabel, kept.Incident);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(record, e.Message);
        }
        catch (Exception e)
        {
            // A defect here costs the record, not the daemon.
            log.Error(e, "Incident {Incident} ({Event}) cannot be recorded, a defect in this program", record.Incident, record.EventLabel);
            Interlocked.Increment(ref failed);
        }
    }

    private void Resume()
    {
        try
        {
            if (boot is not null && store!.ReadOpen(boot, time.GetUtcNow()) is { } open)
            {
                log.Information("Incident {Incident} went on when the daemon was last seen; it goes on unless its findings are gone", open.Incident);
                current = (open.Incident, open.Incident);
                diagnostician.Resume(open.Findings);
                resumed = open;
            }
        }
        catch (Exception e) when (e is IncidentException or IOException or UnauthorizedAccessException)
        {
            log.Warning("Whether an incident went on before the start is not known: {Failure}", e.Message);
        }
        catch (Exception e)
        {
            // A defect here costs the incident's going on, not the daemon.
            log.Error(e, "Whether an incident went on before the start is not known, a defect in this program");
        }
    }

    // Of two daemons that write in one directory, one notes which incident goes on: the other would take it over and number its records.
    private bool IsOurs()
    {
        if (claim is not null)
        {
            return true;
        }

        try
        {
            claim = store!.Claim();
            lastClaimFailure = null;
        }
        catch (IOException e)
        {
            // Nobody writes where there is no directory yet.
            if (Directory.Exists(store!.Directory) && lastClaimFailure != e.Message)
            {
                log.Warning("Whether another daemon writes in {Directory} is not known: {Failure}", store.Directory, e.Message);
                lastClaimFailure = e.Message;
            }

            return true;
        }

        bool was = isShared;
        isShared = claim is null;
        if (isShared && !was)
        {
            log.Warning("Another daemon writes in {Directory}: incidents of this one are recorded beside its own, and do not go on after a restart; give each a --recorder.path of its own", store.Directory);
        }
        else if (was && !isShared)
        {
            log.Information("No other daemon writes in {Directory} any more", store.Directory);
        }

        return !isShared;
    }

    private void Note(Work work)
    {
        if ((work.Open is null && work.Record is null) || !IsOurs())
        {
            return;
        }

        try
        {
            // The id that it has on disk.
            if (work.Open is { } open && current is { } known && known.Asked == open.Incident)
            {
                store!.WriteOpen(open with { Incident = known.Id }, boot!);
            }
            else if (work.Record?.Event == IncidentEvent.End)
            {
                store!.RemoveOpen();
            }

            lastNoteFailure = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (lastNoteFailure != e.Message)
            {
                log.Error("That an incident goes on cannot be noted, after a restart it would be another: {Failure}", e.Message);
            }

            lastNoteFailure = e.Message;
        }
        catch (Exception e)
        {
            log.Error(e, "That an incident goes on cannot be noted, a defect in this program");
        }
    }

    private static bool IsSame(OpenIncident note, OpenIncident? before) =>
        before is not null && note.Incident == before.Incident && note.Number == before.Number && note.Findings.SequenceEqual(before.Findings);

    // What the follower calls it is unique in this process only: a daemon that ran before, or runs beside, may have had the same second.
    private IncidentRecord Write(IncidentRecord record, ExporterState state)
    {
        for (int attempt = 1; ; attempt++)
        {
            bool isNew = current?.Asked != record.Incident;
            IncidentRecord kept = record with { Incident = isNew ? store!.NewId(record.BeganAt) : current!.Value.Id };
            try
            {
                store!.Write(kept, IncidentJson.Write(kept, state, HostName.Current, kernel, diagnostician, time), options.MaxCount, options.MaxBytes);
                current = (record.Incident, kept.Incident);
                return kept;
            }
            catch (RecordExistsException) when (isNew && attempt < Attempts)
            {
                // The next number, then.
            }
        }
    }

    // The note is null where no incident goes on, or nobody would understand it.
    private sealed record Work(IncidentRecord? Record, ExporterState State, OpenIncident? Open);

    private void Fail(IncidentRecord record, string failure)
    {
        Interlocked.Increment(ref failed);
        if (Interlocked.Exchange(ref lastFailure, failure) != failure)
        {
            log.Error("Incident {Incident} ({Event}) cannot be recorded: {Failure}", record.Incident, record.EventLabel, failure);
        }
    }
}
