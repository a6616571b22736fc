using System.Collections.Immutable;
using System.Text.Json;
using ConnExporter.Diagnosis;

namespace ConnExporter.Incidents;

/// <summary>The incident that goes on, as the next daemon needs it to go on with: without it a restart would end what has not ended, and begin it again.</summary>
/// <param name="Incident">Its id.</param>
/// <param name="Number">The number of its last record.</param>
/// <param name="Fullest">The fullest resource so far, as a ratio.</param>
/// <param name="Findings">What holds.</param>
/// <param name="Recorded">What was recorded of that, at its worst.</param>
internal sealed record OpenIncident(string Incident, int Number, double Fullest, ImmutableArray<HeldBefore> Findings, ImmutableArray<HeldBefore> Recorded)
{
    /// <summary>The name of its file.</summary>
    public const string FileName = "open-incident.json";

    // No incident has so many records; what somebody has written beyond it would leave no number for the next.
    private const int HighestNumber = 1_000_000;

    /// <summary>How long a daemon may have been away. Then its alerts are long over, and what holds may be another trouble of the same name.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Writes it as JSON.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="boot">The kernel's <c>boot_id</c>: what holds after a boot is another trouble.</param>
    public void Write(Utf8JsonWriter json, string boot)
    {
        json.WriteStartObject();
        json.WriteNumber("format", IncidentStore.Format);
        json.WriteString("boot_id", boot);
        json.WriteString("incident", Incident);
        json.WriteNumber("number", Number);
        json.WriteNumber("fullest", Fullest);
        Write(json, "findings", Findings);
        Write(json, "recorded", Recorded);
        json.WriteEndObject();
    }

    /// <summary>Understands it.</summary>
    /// <param name="root">The document.</param>
    /// <param name="boot">The <c>boot_id</c> of now.</param>
    /// <returns>Null where the host was booted since.</returns>
    /// <exception cref="FormatException">It is not what <see cref="Write(Utf8JsonWriter, string)"/> writes; likewise <see cref="KeyNotFoundException"/> and <see cref="InvalidOperationException"/>.</exception>
    public static OpenIncident? Parse(JsonElement root, string boot)
    {
        string incident = root.GetProperty("incident").GetString() ?? throw new FormatException("an incident without an id");
        int number = root.GetProperty("number").GetInt32();
        var record = IncidentRecord.Parse(new IncidentRecord(incident, number, IncidentEvent.Begin, "warning").FileName);
        return record is null || number is < 1 or > HighestNumber ? throw new FormatException($"'{incident}' with {number} records is no incident")
            : root.GetProperty("boot_id").GetString() != boot ? null
            : new OpenIncident(incident, number, root.GetProperty("fullest").GetDouble(), Read(root, "findings"), Read(root, "recorded"));
    }

    private static void Write(Utf8JsonWriter json, string name, ImmutableArray<HeldBefore> findings)
    {
        json.WriteStartArray(name);
        foreach (HeldBefore finding in findings)
        {
            finding.Write(json);
        }

        json.WriteEndArray();
    }

    private static ImmutableArray<HeldBefore> Read(JsonElement root, string name) =>
    [
        .. root.GetProperty(name).EnumerateArray().Select(finding => new HeldBefore(
            finding.GetProperty("finding").GetString() ?? throw new FormatException("a finding without a name"),
            finding.GetProperty("netns").GetString() ?? throw new FormatException("a finding without a network namespace"),
            SeverityOf(finding.GetProperty("severity").GetString()),
            finding.GetProperty("since").GetDateTimeOffset())),
    ];

    private static Severity SeverityOf(string? label) => Enum.GetValues<Severity>().Where(severity => severity.Label() == label).Cast<Severity?>().FirstOrDefault()
        ?? throw new FormatException($"'{label}' is no severity");
}
