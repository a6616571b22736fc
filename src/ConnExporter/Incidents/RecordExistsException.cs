namespace ConnExporter.Incidents;

/// <summary>There is a record of that name already; it is left as it is.</summary>
internal sealed class RecordExistsException(IncidentRecord record, Exception? cause = null)
    : IOException($"record {record.Number} of incident {record.Incident} is there already", cause);
