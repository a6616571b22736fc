using System.Collections.Immutable;

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
