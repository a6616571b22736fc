using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConnExporter.Diagnosis;
using ConnExporter.Sampling;
using ConnExporter.Texts;
using ConnExporter.Web.Api;
using ConnExporter.Web.Pages;

namespace ConnExporter.Incidents;

/// <summary>The content of a record: what the daemon answered then at /api/v1/diagnosis, /api/v1/history and /api/v1/snapshot. No payload, no arguments, no environment of anybody.</summary>
internal static class IncidentJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Makes the content.</summary>
    /// <param name="record">What is recorded.</param>
    /// <param name="snapshot">A snapshot with a report.</param>
    /// <param name="host">The name of this host.</param>
    /// <param name="kernel">The release of its kernel.</param>
    /// <param name="diagnostician">Knows the last ten minutes.</param>
    /// <param name="time">The clock.</param>
    public static byte[] Write(IncidentRecord record, Snapshot snapshot, string host, string kernel, Diagnostician diagnostician, TimeProvider time)
    {
        var view = PageView.Of(snapshot, snapshot.Report!, diagnostician, time);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteNumber("format", IncidentStore.Format);
            json.WriteString("incident", record.Incident);
            json.WriteNumber("record", record.Number);
            json.WriteString("event", record.EventLabel);
            json.WriteString("severity", record.Severity);
            json.WriteString("at", snapshot.Report!.At);
            json.WriteString("kernel", kernel);
            json.WritePropertyName("diagnosis");
            ReportJson.Write(json, snapshot, host, TextBook.Of(Language.English), NotSeen.Of(snapshot, TextBook.Of(Language.English)));
            json.WritePropertyName("history");
            HistoryJson.Write(json, view);
            json.WritePropertyName("tables");
            SnapshotJson.Write(json, view);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
