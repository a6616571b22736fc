using ConnExporter.Terminal;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace ConnExporter.Hosting;

/// <summary>Writes lines to standard error and counts those that cannot be written: a full disk, or closed. For one thread at a time.</summary>
internal sealed class CountedConsole : ILogEventSink, IDisposable
{
    // Any other kind of logger keeps failures to itself.
    private readonly Logger inner;
    private long lost;

    public CountedConsole(ITextFormatter formatter) =>
        inner = new LoggerConfiguration().MinimumLevel.Verbose().AuditTo.Console(formatter, standardErrorFromLevel: LogEventLevel.Verbose).CreateLogger();

    /// <summary>Lines that could not be written.</summary>
    public long LostLines => Interlocked.Read(ref lost);

    public void Emit(LogEvent logEvent)
    {
        long before = PlainOutput.LostErrors;
        try
        {
            inner.Write(logEvent);
        }
        catch (AggregateException)
        {
            // Of a stream that is not ours.
            Interlocked.Increment(ref lost);
            return;
        }

        if (PlainOutput.LostErrors != before)
        {
            Interlocked.Increment(ref lost);
        }
    }

    public void Dispose() => inner.Dispose();
}
