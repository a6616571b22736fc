using System.Text.Json;

namespace ConnExporter.Diagnosis;

/// <summary>A finding that held when the daemon that ran before this one was last seen.</summary>
/// <param name="Finding">Its name.</param>
/// <param name="Netns">The network namespace.</param>
/// <param name="Severity">How bad it was.</param>
/// <param name="Since">When it began.</param>
internal sealed record HeldBefore(string Finding, string Netns, Severity Severity, DateTimeOffset Since)
{
    /// <summary>Writes it as a JSON object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("finding", Finding);
        json.WriteString("severity", Severity.Label());
        json.WriteString("netns", Netns);
        json.WriteString("since", Since);
        json.WriteEndObject();
    }
}
