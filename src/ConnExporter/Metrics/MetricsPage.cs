using ConnExporter.Hosting;
using ConnExporter.Sampling;
using ConnExporter.State;

namespace ConnExporter.Metrics;

/// <summary>The metrics page of the newest state, rendered once for each state and format, compressed at most once, whoever asks how often.</summary>
internal sealed class MetricsPage
{
    private readonly StateStore store;
    private readonly ExpositionWriter writer;
    private readonly AsyncGate gate = new();
    private readonly PagePacker packer = new();
    private readonly Rendered[] newest = [Rendered.Nothing, Rendered.Nothing];

    // What the writer holds whole; null while it does not.
    private ExporterState? written;

    /// <summary>The page of what a store holds.</summary>
    /// <param name="store">Where the newest state is.</param>
    /// <param name="registry">Where the page is made, with what else is to be on it.</param>
    public MetricsPage(StateStore store, MetricRegistry registry)
    {
        this.store = store;
        writer = new ExpositionWriter(registry);
    }

    /// <summary>Writes the series of one state; the same state always gives the same ones. What is live on the page, how long answers and samples took, is not among them.</summary>
    public static void Write(ExpositionWriter page, ExporterState state)
    {
        page.Clear();
        ExporterMetrics.Write(page, state);
        foreach (CollectorState collector in state.Snapshot.Collectors)
        {
            ReadingMetrics.Write(page, collector.Reading);
        }

        if (state.Report is { } report)
        {
            ResourceMetrics.Write(page, report.Resources);
            FindingMetrics.Write(page, report);
        }

        if (state.Recorder is { } recorder)
        {
            RecorderMetrics.Write(page, recorder);
        }

        page.End();
    }

    /// <summary>The page as bytes that nobody changes any more. Who waits for another who renders it holds no thread.</summary>
    /// <param name="format">The format.</param>
    /// <param name="compressed">Whether to compress it with gzip.</param>
    public async ValueTask<ReadOnlyMemory<byte>> GetAsync(ExpositionFormat format, bool compressed)
    {
        Rendered page = Volatile.Read(ref newest[(int)format]);
        if (ReferenceEquals(page.Of, store.Current) && page.Bytes(compressed) is { } ready)
        {
            return ready;
        }

        await gate.EnterAsync();
        try
        {
            // What was the newest before the wait may not be so any more: nobody renders what has been overtaken.
            ExporterState wanted = store.Current;
            page = newest[(int)format];
            if (!ReferenceEquals(page.Of, wanted))
            {
                Follow(wanted);
                ReadOnlySpan<byte> text = writer.ToText(format);
                page = compressed ? new Rendered(wanted, Plain: null, packer.Pack(text)) : new Rendered(wanted, text.ToArray(), Gzip: null);
            }
            else if (page.Bytes(compressed) is null)
            {
                // The same page as the other one got, not a new one: what is live on it has moved on meanwhile.
                page = compressed ? page with { Gzip = packer.Pack(page.Plain) } : page with { Plain = PagePacker.Unpack(page.Gzip!) };
            }

            Volatile.Write(ref newest[(int)format], page);
            return page.Bytes(compressed)!;
        }
        finally
        {
            gate.Leave();
        }
    }

    private void Follow(ExporterState wanted)
    {
        if (!ReferenceEquals(written, wanted))
        {
            written = null;
            Write(writer, wanted);
            written = wanted;
        }
    }

    /// <summary>The page of one snapshot in one format, as far as somebody wanted it.</summary>
    private sealed record Rendered(ExporterState? Of, byte[]? Plain, byte[]? Gzip)
    {
        public static Rendered Nothing { get; } = new(Of: null, Plain: null, Gzip: null);

        public byte[]? Bytes(bool compressed) => compressed ? Gzip : Plain;
    }
}
