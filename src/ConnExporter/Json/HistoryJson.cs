using System.Text.Json;
using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Json;

/// <summary><c>/api/v1/history</c>: the last ten minutes of each resource instance of the diagnosis. Documented in docs/api.md.</summary>
internal static class HistoryJson
{
    public static void Write(Utf8JsonWriter json, PageView view)
    {
        json.WriteStartObject();
        json.WriteNumber("version", ApiVersion.Number);
        json.WriteString("at", view.Report.At.UtcDateTime);
        json.WriteNumber("length_seconds", ResourceTracker.Length.TotalSeconds);
        json.WriteNumber("resolution_seconds", ResourceTracker.Slot.TotalSeconds);
        json.WriteStartArray("series");
        foreach (ResourceInstance instance in view.Report.Resources.SelectMany(resource => resource.Instances))
        {
            json.WriteStartObject();
            json.WriteString("resource", instance.Kind.Label());
            json.WriteString("netns", instance.Netns);
            json.WriteString("instance", instance.Name);
            json.WriteNumber("limit", instance.Limit);
            json.WriteStartArray("points");
            foreach (HistoryValue point in view.HistoryOf(instance))
            {
                json.WriteStartArray();
                json.WriteNumberValue(Math.Round(point.Age.TotalSeconds, 3));
                json.WriteNumberValue(point.Value);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
