using System.Text.Json;

namespace ConnExporter.Json;

/// <summary><c>/api/v1/snapshot</c>: the tables of the status page, whole. Documented in docs/api.md.</summary>
internal static class SnapshotJson
{
    public static void Write(Utf8JsonWriter json, PageView view)
    {
        json.WriteStartObject();
        json.WriteNumber("version", ApiVersion.Number);
        json.WriteString("at", view.Report.At.UtcDateTime);
        foreach (Table table in view.Tables)
        {
            table.Write(json);
        }

        json.WriteEndObject();
    }
}
