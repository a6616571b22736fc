using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.State;

namespace ConnExporter.Json;

/// <summary>Everything that the page and the JSON show, at one time.</summary>
/// <param name="State">The snapshot and all that is shown beside it.</param>
/// <param name="Report">Its report: what is running out and what is wrong.</param>
/// <param name="Tables">The tables.</param>
/// <param name="Histories">The last ten minutes of each instance in the report.</param>
internal sealed record PageView(ExporterState State, DiagnosisReport Report, ImmutableArray<Table> Tables, IReadOnlyDictionary<ResourceInstance, ImmutableArray<HistoryValue>> Histories)
{
    /// <summary>Takes all of it at once, so that no two parts of it disagree.</summary>
    public static PageView Of(ExporterState state, DiagnosisReport report, Diagnostician diagnostician, TimeProvider time)
    {
        TimeSpan now = diagnostician.Elapsed;
        var histories = new Dictionary<ResourceInstance, ImmutableArray<HistoryValue>>(ReferenceEqualityComparer.Instance);
        foreach (ResourceInstance instance in report.Resources.SelectMany(resource => resource.Instances))
        {
            histories.Add(instance, [.. diagnostician.HistoryOf(instance).Select(point => new HistoryValue(now - point.At, point.Value))]);
        }

        return new PageView(state, report, Json.Tables.Of(state.Snapshot, report.At, time), histories);
    }

    /// <summary>The last ten minutes of an instance, oldest first.</summary>
    public ImmutableArray<HistoryValue> HistoryOf(ResourceInstance instance) => Histories.TryGetValue(instance, out ImmutableArray<HistoryValue> history) ? history : [];
}

/// <summary>A value some time ago.</summary>
internal readonly record struct HistoryValue(TimeSpan Age, double Value);
