using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Hosting;
using ConnExporter.Json;
using ConnExporter.Metrics;
using ConnExporter.State;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>What the status page and the JSON show of the newest report: each document is rendered at most once a report and language, compressed at most once, whoever asks how often.</summary>
internal sealed class StatusSite
{
    // It is served as application/json and never put into markup as it is; escaping every '<' would double the page's parts.
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly StateStore store;
    private readonly Diagnostician diagnostician;
    private readonly TimeProvider time;
    private readonly AsyncGate gate = new();
    private readonly Dictionary<(Document Document, Language Language), Rendering> renderings = [];
    private readonly Dictionary<Language, PageParts> parts = [];
    private PageView? view;

    public StatusSite(StateStore store, Diagnostician diagnostician, TimeProvider time, PageSite site)
    {
        this.store = store;
        this.diagnostician = diagnostician;
        this.time = time;
        Site = site;
    }

    /// <summary>What a document can be.</summary>
    public enum Document
    {
        /// <summary>The status page.</summary>
        Page,

        /// <summary>Its parts as JSON, for its script.</summary>
        Parts,

        /// <summary>Resources and findings.</summary>
        Diagnosis,

        /// <summary>The tables.</summary>
        Snapshot,

        /// <summary>The last ten minutes.</summary>
        History,
    }

    /// <summary>What does not change.</summary>
    public PageSite Site { get; }

    /// <summary>A document of the newest report. One is rendered at a time, and who waits for it holds no thread: those are needed for scrapes.</summary>
    /// <param name="document">The document.</param>
    /// <param name="language">Its language.</param>
    /// <param name="compressed">Whether it is to be had with gzip.</param>
    /// <returns>Null before the first report.</returns>
    public async ValueTask<Rendering?> GetAsync(Document document, Language language, bool compressed)
    {
        await gate.EnterAsync();
        try
        {
            ExporterState state = store.Current;
            if (state.Report is not { } report)
            {
                return null;
            }

            if (!ReferenceEquals(view?.Report, report))
            {
                view = PageView.Of(state, report, diagnostician, time);
                renderings.Clear();
                parts.Clear();
            }

            if (!renderings.TryGetValue((document, language), out Rendering? rendering))
            {
                rendering = new Rendering(Render(document, view!, language), $"\"{report.At.UtcTicks:x}-{language.Tag()}\"");
                renderings.Add((document, language), rendering);
            }

            // Here, one at a time as well.
            _ = rendering.Get(compressed);
            return rendering;
        }
        finally
        {
            gate.Leave();
        }
    }

    private byte[] Render(Document document, PageView shown, Language language) => document switch
    {
        Document.Page => Encoding.UTF8.GetBytes(StatusPage.Render(PartsOf(shown, language), TextBook.Of(language), Site)),
        Document.Parts => Write(json => PageJson.Write(json, PartsOf(shown, language), shown.Report.At)),
        Document.Diagnosis => Write(json => ReportJson.Write(json, shown.State, Site.HostName, TextBook.Of(language), NotSeen.Of(shown.State, TextBook.Of(language)))),
        Document.Snapshot => Write(json => SnapshotJson.Write(json, shown)),
        _ => Write(json => HistoryJson.Write(json, shown)),
    };

    private PageParts PartsOf(PageView shown, Language language)
    {
        if (!parts.TryGetValue(language, out PageParts? rendered))
        {
            rendered = PageParts.Of(shown, TextBook.Of(language), Site);
            parts.Add(language, rendered);
        }

        return rendered;
    }

    private static byte[] Write(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>(16 * 1024);
        using (var json = new Utf8JsonWriter(buffer, Json))
        {
            content(json);
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    /// <summary>A document's bytes, which nobody changes any more.</summary>
    internal sealed class Rendering(byte[] plain, string tag)
    {
        private readonly Lock gate = new();
        private byte[]? gzip;

        /// <summary>Its entity tag.</summary>
        public string Tag { get; } = tag;

        /// <summary>The bytes.</summary>
        /// <param name="compressed">Whether with gzip.</param>
        public byte[] Get(bool compressed)
        {
            if (!compressed)
            {
                return plain;
            }

            lock (gate)
            {
                return gzip ??= PagePacker.PackOnce(plain);
            }
        }
    }
}
