using System.Collections.Immutable;
using System.Text.Json;

namespace ConnExporter.Incidents;

/// <summary>An incident in a list, as JSON.</summary>
internal static class IncidentListJson
{
    /// <summary>Writes it, with all that was found in its course; where a record cannot be read, why.</summary>
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
        (ImmutableArray<ImmutableArray<string>> findings, string? unreadable) = IncidentFindings.Of(store, incident);
        if (!findings.IsEmpty || unreadable is null)
        {
            json.WriteStartArray("findings");
            foreach (ImmutableArray<string> finding in findings)
            {
                json.WriteStartObject();
                foreach ((int index, string name) in IncidentFindings.Names.Index())
                {
                    json.WriteString(name, finding[index]);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        if (unreadable is not null)
        {
            json.WriteString("unreadable", unreadable);
        }

        json.WriteEndObject();
    }
}
