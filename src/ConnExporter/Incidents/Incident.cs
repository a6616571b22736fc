using System.Collections.Immutable;
using System.Globalization;

namespace ConnExporter.Incidents;

/// <summary>An incident as its records tell it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Records">Its records, in order; the first may have been thrown out for room.</param>
internal sealed record Incident(string Id, ImmutableArray<IncidentRecord> Records)
{
    /// <summary>When it began.</summary>
    public DateTimeOffset BeganAt => Records[0].BeganAt;

    /// <summary>When it ended; null where it goes on, or the daemon did not live to see its end.</summary>
    public DateTimeOffset? EndedAt => Records[^1].Event == IncidentEvent.End ? Records[^1].WrittenAt : null;

    /// <summary>How long it lasted; null where it goes on, or where the clock was set back meanwhile.</summary>
    public TimeSpan? Lasted => EndedAt - BeganAt is { } time && time >= TimeSpan.Zero ? time : null;

    /// <summary>The newest of its worst records.</summary>
    public IncidentRecord Worst => Records.LastOrDefault(record => record.Severity == "critical") ?? Records.LastOrDefault(record => record.Severity == "warning") ?? Records[^1];

    /// <summary>Puts records together, the oldest incident first.</summary>
    public static IEnumerable<Incident> Group(IEnumerable<IncidentRecord> records) =>
        records.GroupBy(record => record.Incident, StringComparer.Ordinal).Select(group => new Incident(group.Key, [.. group.OrderBy(record => record.Number)]))
            .OrderBy(incident => incident.Records[0].Sequence).ThenBy(incident => incident.Id, StringComparer.Ordinal);
}

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
/// <param name="Incident">The incident's id: when it began, and its place among all that were recorded in the directory.</param>
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

    /// <summary>The incident's place among all in its directory. By it they are put in order: a clock can be set back, this is not.</summary>
    public int Sequence => int.TryParse(Incident.AsSpan(Incident.LastIndexOf('-') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int sequence) ? sequence : int.MaxValue;

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

    /// <summary>Whether a text is an incident's id and the number of a record, <c>ID.NUMBER</c>.</summary>
    public static bool IsNumbered(string text) => text.LastIndexOf('.') is > 0 and var dot
        && int.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        && text == string.Create(CultureInfo.InvariantCulture, $"{text[..dot]}.{number}")
        && Parse(new IncidentRecord(text[..dot], number, IncidentEvent.Begin, "warning").FileName) is not null;

    // Numbers may end in NULs where .NET parses them.
    private static DateTimeOffset? TimeOf(string id) =>
        id.LastIndexOf('-') is > 0 and var dash && dash < id.Length - 1 && !id.AsSpan(dash + 1).ContainsAnyExceptInRange('0', '9')
        && DateTimeOffset.TryParseExact(id.AsSpan(0, dash), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time
            : null;
}
