using System.Text.Json;

namespace ConnExporter.Incidents;

/// <summary>An incident in a list, as JSON.</summary>
internal static class IncidentListJson
{
    /// <summary>Writes it; where its records cannot be read, why.</summary>
    public static void Write(Utf8JsonWriter json, IncidentStore store, Incident incident)
    {
        json.WriteStartObject();
        json.WriteString("incident", incident.Id);
        json.WriteString("began_at", incident.BeganAt);
        if (incident.EndedAt is { } end)
        {
            json.WriteString("ended_at", end);
        }
        else
        {
            json.WriteNull("ended_at");
        }

        json.WriteString("severity", incident.Worst.Severity);
        json.WriteNumber("records", incident.Records.Length);
        try
        {
            using JsonDocument document = store.Read(incident.Worst);
            json.WritePropertyName("findings");
            json.WriteStartArray();
            foreach (JsonElement finding in document.RootElement.GetProperty("diagnosis").GetProperty("findings").EnumerateArray())
            {
                json.WriteStartObject();
                foreach (string name in new[] { "finding", "severity", "netns", "instance", "title" })
                {
                    json.WriteString(name, finding.GetProperty(name).GetString());
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
        catch (IncidentException e)
        {
            json.WriteString("unreadable", e.Message);
        }

        json.WriteEndObject();
    }
}
