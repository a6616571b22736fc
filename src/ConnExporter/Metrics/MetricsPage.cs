using System.IO.Compression;
using ConnExporter.Diagnosis;
using ConnExporter.Incidents;
using ConnExporter.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Metrics;

/// <summary>The metrics page of the newest snapshot, rendered once for each snapshot and format, compressed at most once, whoever asks how often.</summary>
internal sealed class MetricsPage
{
    private readonly SnapshotStore store;
    private readonly Rendering text = new(ExpositionFormat.Text);
    private readonly Rendering openMetrics = new(ExpositionFormat.OpenMetrics);

    public MetricsPage(SnapshotStore store) => this.store = store;

    /// <summary>Writes the page of one snapshot; the same snapshot always gives the same bytes.</summary>
    public static void Write(ExpositionWriter page, Snapshot snapshot)
    {
        page.Clear();
        ExporterMetrics.Write(page, snapshot);
        foreach (CollectorState state in snapshot.Collectors)
        {
            state.Reading?.Write(page);
        }

        if (snapshot.Report is { } report)
        {
            ResourceMetrics.Write(page, report.Resources);
            FindingMetrics.Write(page, report);
        }

        if (snapshot.Recorder is { } recorder)
        {
            RecorderMetrics.Write(page, recorder);
        }

        page.End();
    }

    /// <summary>The page as bytes that nobody changes any more.</summary>
    /// <param name="format">The format.</param>
    /// <param name="compressed">Whether to compress it with gzip.</param>
    public ReadOnlyMemory<byte> Get(ExpositionFormat format, bool compressed) =>
        (format == ExpositionFormat.OpenMetrics ? openMetrics : text).Get(store.Current, compressed);

    private sealed class Rendering
    {
        private readonly Lock gate = new();
        private readonly ExpositionWriter writer;
        private Snapshot? snapshot;
        private byte[] plain = [];
        private byte[]? gzip;

        public Rendering(ExpositionFormat format) => writer = new ExpositionWriter(format);

        public byte[] Get(Snapshot wanted, bool compressed)
        {
            lock (gate)
            {
                if (!ReferenceEquals(snapshot, wanted))
                {
                    MetricsPage.Write(writer, wanted);
                    plain = writer.Page.ToArray();
                    gzip = null;
                    snapshot = wanted;
                }

                return compressed ? gzip ??= Compress(plain) : plain;
            }
        }

        private static byte[] Compress(byte[] page)
        {
            using var packed = new MemoryStream(page.Length / 6);
            using (var stream = new GZipStream(packed, CompressionLevel.Fastest))
            {
                stream.Write(page);
            }

            return packed.ToArray();
        }
    }
}
