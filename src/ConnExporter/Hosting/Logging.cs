using System.Diagnostics;
using ConnExporter.Configuration;
using ConnExporter.State;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Sinks.Async;

namespace ConnExporter.Hosting;

/// <summary>The log, on standard error. It never blocks: a reader that does not read costs lines, not the daemon, and the loss is counted.</summary>
internal sealed class Logging : IDisposable, IAsyncLogEventSinkMonitor
{
    private const int QueuedLines = 1000;
    private static readonly TimeSpan FlushPatience = TimeSpan.FromMilliseconds(500);

    private readonly Logger logger;
    private readonly LoggingLevelSwitch level;
    private readonly LoggingLevelSwitch framework = new(LogEventLevel.Fatal + 1);
    private readonly CountedConsole console;
    private IAsyncLogEventSinkInspector? queue;

    /// <summary>Opens the log.</summary>
    /// <param name="options">Level and format.</param>
    /// <param name="environment">Tells whether the journal reads along.</param>
    public Logging(ExporterOptions options, Func<string, string?> environment)
    {
        // Every line asks for it, and its first use reads random numbers: where that fails it has to fail here, not in a thread of some collector.
        _ = Activity.Current;
        level = new LoggingLevelSwitch(options.LogLevel);
        console = new CountedConsole(new LogLineFormatter(options.LogFormat, forJournal: !string.IsNullOrEmpty(environment("JOURNAL_STREAM"))));
        logger = new LoggerConfiguration()
            .MinimumLevel.ControlledBy(level)
            .MinimumLevel.Override("Microsoft", framework)
            .WriteTo.Async(
                sinks => sinks.Sink(console),
                bufferSize: QueuedLines,
                blockWhenFull: false,
                monitor: this)
            .CreateLogger();
    }

    public ILogger Logger => logger;

    /// <summary>Lines lost because nobody read them, or because standard error cannot be written.</summary>
    public long DroppedLines => (queue?.DroppedMessagesCount ?? 0) + console.LostLines;

    /// <summary>Puts their number into the snapshot.</summary>
    public void ShowDroppedLines(StateStore store)
    {
        ulong dropped = (ulong)DroppedLines;
        if (store.Current.DroppedLogLines != dropped)
        {
            store.Update(state => state with { DroppedLogLines = dropped });
        }
    }

    /// <summary>Changes the level of the running log.</summary>
    public void SetLevel(LogEventLevel wanted) => level.MinimumLevel = wanted;

    /// <summary>Lets the web framework log its warnings. Before that it would tell of a port in use with a stack trace of its own.</summary>
    public void ShowFrameworkWarnings() => framework.MinimumLevel = LogEventLevel.Warning;

    /// <summary>Writes what is queued, but does not wait long for somebody to read it.</summary>
    public void Dispose()
    {
        var flush = new Thread(logger.Dispose) { IsBackground = true, Name = "log flush" };
        try
        {
            flush.Start();
            flush.Join(FlushPatience);
        }
        catch (OutOfMemoryException)
        {
            // No thread is to be had. The log's own goes on writing as long as this one waits.
            SpinWait.SpinUntil(() => queue is not { Count: > 0 }, FlushPatience);
        }
    }

    void IAsyncLogEventSinkMonitor.StartMonitoring(IAsyncLogEventSinkInspector inspector) => queue = inspector;

    void IAsyncLogEventSinkMonitor.StopMonitoring(IAsyncLogEventSinkInspector inspector)
    {
        // The count stays readable to the end.
    }
}
