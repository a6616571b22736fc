using System.Collections.Immutable;
using ConnExporter.Hosting;
using ConnExporter.State;
using ConnExporter.Tests.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Hosting;

[Collection(TheConsole.Name)]
public sealed class LoggingTests
{
    private const int QueuedLines = 1000;

    [Fact]
    public void Lines_that_nobody_reads_are_lost_without_waiting_and_counted()
    {
        var store = new StateStore(new ManualTime());
        TextWriter console = Console.Error;
        using var unread = new UnreadPipe();
        Console.SetError(unread);
        try
        {
            using var logging = new Logging(SamplingBench.Options(ImmutableDictionary<string, TimeSpan>.Empty), _ => null);
            logging.Logger.Information("The first is being written");
            unread.AwaitWriter();

            for (int line = 0; line < QueuedLines + 5; line++)
            {
                logging.Logger.Information("Line {Line}", line);
            }

            logging.ShowDroppedLines(store);
            MetricsText.Of(store.Current)["conn_exporter_log_lines_dropped_total"].ShouldBe("5");
            unread.Dispose();
        }
        finally
        {
            Console.SetError(console);
        }
    }

    [Fact]
    public void Lines_that_cannot_be_written_are_counted()
    {
        var store = new StateStore(new ManualTime());
        TextWriter console = Console.Error;
        using var full = new StreamWriter(new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0)) { AutoFlush = true };
        Console.SetError(full);
        try
        {
            using var logging = new Logging(SamplingBench.Options(ImmutableDictionary<string, TimeSpan>.Empty), _ => null);
            logging.Logger.Information("One");
            logging.Logger.Information("Two");

            Eventually.True(() => logging.DroppedLines == 2);
            logging.ShowDroppedLines(store);
            MetricsText.Of(store.Current)["conn_exporter_log_lines_dropped_total"].ShouldBe("2");
        }
        finally
        {
            Console.SetError(console);
        }
    }

    /// <summary>A pipe that is full until it is disposed.</summary>
    private sealed class UnreadPipe : StringWriter
    {
        private readonly ManualResetEventSlim writing = new();
        private readonly ManualResetEventSlim read = new();

        public void AwaitWriter() => writing.Wait(TimeSpan.FromSeconds(10)).ShouldBeTrue();

        public override void Write(char value) => Block();

        public override void Write(string? value) => Block();

        public override void Write(char[] buffer, int index, int count) => Block();

        protected override void Dispose(bool disposing)
        {
            read.Set();
            base.Dispose(disposing);
        }

        private void Block()
        {
            writing.Set();
            read.Wait();
        }
    }
}
