using System.Collections.Concurrent;
using ConnExporter.Configuration;
using ConnExporter.Hosting;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace ConnExporter.Tests.Support;

/// <summary>A log that keeps its lines, in the form that the journal gets: <c>&lt;priority&gt;message</c>.</summary>
internal sealed class LoggedLines : ILogEventSink
{
    private readonly LogLineFormatter formatter = new(LogFormat.Logfmt, forJournal: true);
    private readonly ConcurrentQueue<string> lines = new();

    public LoggedLines() => Log = new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Sink(this).CreateLogger();

    public ILogger Log { get; }

    /// <summary>The lines since the last call.</summary>
    public string[] Take()
    {
        List<string> taken = [];
        while (lines.TryDequeue(out string? line))
        {
            taken.Add(line);
        }

        return [.. taken];
    }

    void ILogEventSink.Emit(LogEvent logEvent)
    {
        using var line = new StringWriter();
        formatter.Format(logEvent, line);
        lines.Enqueue(line.ToString().TrimEnd('\n'));
    }
}
