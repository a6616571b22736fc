using System.Buffers;
using System.Text.Json;
using ConnExporter.Configuration;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Json;
using ConnExporter.Kernel;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Terminal.Top;
using ConnExporter.Texts;

namespace ConnExporter.Commands;

/// <summary>Where <c>top</c> has its frames from: the daemon that runs here as long as it answers, else collectors of its own, within the same share of a CPU.</summary>
internal sealed class TopSource(ExporterOptions options, TextBook book) : IDisposable
{
    private readonly TimeProvider time = TimeProvider.System;
    private OneShotSampling? sampling;
    private readonly List<NotSeen> defects = [];
    private Diagnostician? diagnostician;

    /// <summary>The newest frame.</summary>
    /// <returns>Null where nothing was read yet.</returns>
    public TopFrame? Next() => OfDaemon() ?? OfOwnLook();

    public void Dispose() => sampling?.Dispose();

    private TopFrame? OfDaemon()
    {
        try
        {
            return RunningExporter.Fetch(options, $"/api/v1/diagnosis?lang={book.Language.Tag()}") is { } diagnosis && RunningExporter.Fetch(options, "/api/v1/snapshot") is { } snapshot
                && Parse(diagnosis) is var first && Parse(snapshot) is var second && IsKnown(first, ReportJson.Version) && IsKnown(second, ApiVersion.Number)
                ? new TopFrame(first, second, IsOfDaemon: true)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // An answer that makes no sense is as good as none.
            return null;
        }
    }

    private TopFrame? OfOwnLook()
    {
        sampling ??= new OneShotSampling(options, time, Serilog.Core.Logger.None, allAtOnce: false);
        diagnostician ??= new Diagnostician(RuleList.All, options.Thresholds with { For = TimeSpan.Zero }, time, (rule, e) => defects.Add(new NotSeen(rule, $"a defect in this program, please report it: {e.Message}")));
        Snapshot snapshot = sampling.Look();
        if (snapshot.Collectors.Any(collector => collector.Outcome is null))
        {
            return null;
        }

        defects.Clear();
        DiagnosisReport report = diagnostician.Look(snapshot);
        var state = new ExporterState(snapshot) { Report = report };
        var view = PageView.Of(state, report, diagnostician, time);
        return new TopFrame(
            Write(json => ReportJson.Write(json, state, HostName.Current, book, [.. NotSeen.Of(state, book), .. defects])),
            Write(json => SnapshotJson.Write(json, view)),
            IsOfDaemon: false);
    }

    private static bool IsKnown(JsonElement document, int version) => document.TryGetProperty("version", out JsonElement told) && told.GetInt32() == version;

    private static JsonElement Write(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>(16 * 1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            content(json);
        }

        return Parse(buffer.WrittenMemory);
    }

    private static JsonElement Parse(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
