using System.Text.Json;

namespace ConnExporter.Incidents;

/// <summary>An incident in a list, as JSON.</summary>
internal static class IncidentListJson
{
    private static readonly string[] Kept = ["finding", "severity", "netns", "instance", "title"];

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
            (string Name, string? Value)[][] findings = store.Read(incident.Worst, Findings);
            json.WriteStartArray("findings");
            foreach ((string Name, string? Value)[] finding in findings)
            {
                json.WriteStartObject();
                foreach ((string name, string? value) in finding)
                {
                    json.WriteString(name, value);
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

    /// <summary>The findings of a record, taken whole before anything is written: half a list helps nobody.</summary>
    internal static (string Name, string? Value)[][] Findings(JsonElement root) =>
        [.. root.GetProperty("diagnosis").GetProperty("findings").EnumerateArray().Select(finding => Kept.Select(name => (name, finding.GetProperty(name).GetString())).ToArray())];
}
