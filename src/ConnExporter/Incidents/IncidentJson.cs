using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Json;
using ConnExporter.State;
using ConnExporter.Texts;

namespace ConnExporter.Incidents;

/// <summary>The content of a record: what the daemon answered then at /api/v1/diagnosis, /api/v1/history and /api/v1/snapshot. No payload, no arguments, no environment of anybody.</summary>
internal static class IncidentJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Makes the content.</summary>
    /// <param name="record">What is recorded.</param>
    /// <param name="state">A snapshot with a report.</param>
    /// <param name="host">The name of this host.</param>
    /// <param name="kernel">The release of its kernel.</param>
    /// <param name="diagnostician">Knows the last ten minutes.</param>
    /// <param name="time">The clock.</param>
    public static byte[] Write(IncidentRecord record, ExporterState state, string host, string kernel, Diagnostician diagnostician, TimeProvider time)
    {
        var view = PageView.Of(state, state.Report!, diagnostician, time);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteNumber("format", IncidentStore.Format);
            json.WriteString("incident", record.Incident);
            json.WriteNumber("record", record.Number);
            json.WriteString("event", record.EventLabel);
            json.WriteString("severity", record.Severity);
            json.WriteString("at", state.Report!.At);
            json.WriteString("kernel", kernel);
            json.WritePropertyName("diagnosis");
            ReportJson.Write(json, state, host, TextBook.Of(Language.English), NotSeen.Of(state, TextBook.Of(Language.English)));
            json.WritePropertyName("history");
            HistoryJson.Write(json, view);
            json.WritePropertyName("tables");
            SnapshotJson.Write(json, view);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
