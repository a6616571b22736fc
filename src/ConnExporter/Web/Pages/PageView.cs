using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Web.Pages;

/// <summary>Everything that the page and the JSON show, at one time.</summary>
/// <param name="Report">What is running out and what is wrong.</param>
/// <param name="Tables">The tables.</param>
/// <param name="Collectors">How the collectors stand.</param>
/// <param name="Histories">The last ten minutes of each instance in the report.</param>
internal sealed record PageView(DiagnosisReport Report, ImmutableArray<Table> Tables, ImmutableArray<CollectorState> Collectors, ImmutableDictionary<ResourceInstance, ImmutableArray<HistoryValue>> Histories)
{
    /// <summary>Takes all of it at once, so that no two parts of it disagree.</summary>
    public static PageView Of(Snapshot snapshot, DiagnosisReport report, Diagnostician diagnostician, TimeProvider time)
    {
        TimeSpan now = diagnostician.Elapsed;
        return new PageView(
            report,
            Pages.Tables.Of(snapshot, report.At, time),
            snapshot.Collectors,
            report.Resources.SelectMany(resource => resource.Instances).ToImmutableDictionary(
                instance => instance,
                instance => ImmutableArray.CreateRange(diagnostician.HistoryOf(instance), point => new HistoryValue(now - point.At, point.Value)),
                ReferenceEqualityComparer.Instance));
    }
}

/// <summary>A value some time ago.</summary>
internal readonly record struct HistoryValue(TimeSpan Age, double Value);
