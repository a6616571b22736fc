using System.Globalization;

namespace ConnExporter.Incidents;

/// <summary>Why a record was written.</summary>
internal enum IncidentEvent
{
    /// <summary>The first finding began.</summary>
    Begin,

    /// <summary>Another finding began, or one got worse.</summary>
    Worsen,

    /// <summary>No finding is left.</summary>
    End,
}

/// <summary>The name of a record's file, which says all that a list needs: <c>incident-20261120T214751Z-001.0002.worsen.critical.json</c>.</summary>
/// <param name="Incident">The incident's id: when it began, and a number for those that began in the same second.</param>
/// <param name="Number">Its how many-th record this is, 1 being the first.</param>
/// <param name="Event">Why it was written.</param>
/// <param name="Severity">The worst severity then: warning or critical; <c>none</c> at the end.</param>
internal sealed record IncidentRecord(string Incident, int Number, IncidentEvent Event, string Severity)
{
    // Of a file on Linux (NAME_MAX).
    private const int LongestName = 255;
    private const string Prefix = "incident-";
    private const string Suffix = ".json";
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";
    private static readonly string[] Events = ["begin", "worsen", "end"];

    /// <summary>The name of the event.</summary>
    public string EventLabel => Events[(int)Event];

    /// <summary>The name of the file.</summary>
    public string FileName => $"{Prefix}{Incident}.{Number:D4}.{EventLabel}.{Severity}{Suffix}";

    /// <summary>When the incident began.</summary>
    public DateTimeOffset BeganAt => TimeOf(Incident)!.Value;

    /// <summary>Size of the file in bytes; 0 where it was not looked at.</summary>
    public long Bytes { get; init; }

    /// <summary>When it was written, by the file system.</summary>
    public DateTimeOffset WrittenAt { get; init; }

    /// <summary>The id of an incident.</summary>
    public static string IdOf(DateTimeOffset began, int number) => $"{began.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{number:D3}";

    /// <summary>Understands the name of a file.</summary>
    /// <returns>Null for a file that is no record.</returns>
    public static IncidentRecord? Parse(string fileName)
    {
        if (fileName.Length > LongestName || !fileName.StartsWith(Prefix, StringComparison.Ordinal) || !fileName.EndsWith(Suffix, StringComparison.Ordinal))
        {
            return null;
        }

        // Only what is written the way we write it: other names of the same record would be listed, and neither read nor deleted.
        string[] parts = fileName[Prefix.Length..^Suffix.Length].Split('.', 5);
        return parts.Length == 4 && TimeOf(parts[0]) is not null
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && Array.IndexOf(Events, parts[2]) is >= 0 and var kind
            && parts[3] is "none" or "warning" or "critical"
            && new IncidentRecord(parts[0], number, (IncidentEvent)kind, parts[3]) is var record && record.FileName == fileName
            ? record
            : null;
    }

    // Numbers may end in NULs where .NET parses them.
    private static DateTimeOffset? TimeOf(string id) =>
        id.LastIndexOf('-') is > 0 and var dash && dash < id.Length - 1 && !id.AsSpan(dash + 1).ContainsAnyExceptInRange('0', '9')
        && DateTimeOffset.TryParseExact(id.AsSpan(0, dash), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time
            : null;
}
