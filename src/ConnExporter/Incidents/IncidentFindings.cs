using System.Collections.Immutable;
using System.Text.Json;

namespace ConnExporter.Incidents;

/// <summary>What was found in the course of an incident, also what had ended before it was at its worst.</summary>
/// <param name="All">Those of the worst record first, then in the order in which they came; each by its <see cref="Names"/>.</param>
/// <param name="Unreadable">Why a record could not be read; null where all were.</param>
internal sealed record IncidentFindings(ImmutableArray<ImmutableArray<string>> All, string? Unreadable)
{
    /// <summary>What is kept of each finding, as the record has it.</summary>
    public static readonly ImmutableArray<string> Names = ["finding", "severity", "netns", "instance", "title"];

    private static readonly int[] Key = [Names.IndexOf("finding"), Names.IndexOf("netns"), Names.IndexOf("instance")];

    /// <summary>Reads all records of an incident.</summary>
    public static IncidentFindings Of(IncidentStore store, Incident incident)
    {
        HashSet<string> known = [];
        List<ImmutableArray<string>> all = [];
        string? unreadable = null;
        foreach (IncidentRecord record in incident.Records.OrderBy(record => record != incident.Worst))
        {
            try
            {
                // Taken whole before anything is kept: half a list helps nobody.
                foreach (ImmutableArray<string> finding in store.Read(record, Read))
                {
                    string key = string.Join('\0', Key.Select(index => finding[index]));
                    if (known.Add(key))
                    {
                        all.Add(finding);
                    }
                }
            }
            catch (IncidentException e)
            {
                unreadable ??= e.Message;
            }
        }

        return new([.. all], unreadable);
    }

    /// <summary>Whether it was worth an incident: notes are not.</summary>
    public static bool IsBad(ImmutableArray<string> finding) => Value(finding, "severity") != "info";

    /// <summary>One of its values.</summary>
    public static string Value(ImmutableArray<string> finding, string name) => finding[Names.IndexOf(name)];

    /// <summary>The findings of one record.</summary>
    internal static ImmutableArray<string>[] Read(JsonElement root) =>
    [
        .. root.GetProperty("diagnosis").GetProperty("findings").EnumerateArray()
            .Select(finding => Names.Select(name => finding.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null")).ToImmutableArray()),
    ];
}
