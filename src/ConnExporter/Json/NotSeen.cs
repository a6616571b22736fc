using ConnExporter.Diagnosis;
using ConnExporter.Sampling;
using ConnExporter.State;
using ConnExporter.Texts;

namespace ConnExporter.Json;

/// <summary>Something that a diagnosis could not look at.</summary>
/// <param name="What">A collector, or a finding that one look cannot tell.</param>
/// <param name="Why">The reason, what would show it, and what cannot be told without it.</param>
internal sealed record NotSeen(string What, string Why)
{
    /// <summary>What the collectors of a snapshot did not see. What is not there, such as connection tracking that nobody uses, is nothing missing.</summary>
    /// <param name="state">The snapshot and its report; where it has a report, what could not be told is named too.</param>
    /// <param name="book">The language.</param>
    public static IEnumerable<NotSeen> Of(ExporterState state, TextBook book)
    {
        ILookup<string, Gap> gaps = (state.Report?.Gaps ?? []).ToLookup(gap => gap.Collector);
        foreach (CollectorState collector in state.Snapshot.Collectors)
        {
            Gap? gap = gaps[collector.Name].FirstOrDefault(gap => !gap.IsSwitchedOff);
            string? why = collector.Outcome == Outcome.Ok ? collector.Note
                : collector.Outcome == Outcome.Absent && gap is null ? null
                : collector.Failure ?? "no sample in time";
            if (gap is not null)
            {
                why ??= string.Join("; ", gap.Lacks.Select(lack => book["missing." + lack.Key, lack.Values]));
                why = $"{why}. {book["missing.untold", ("findings", Names(gap, book))]}";
            }

            if (why is not null)
            {
                yield return new NotSeen(collector.Name, why);
            }
        }

        foreach (Gap off in gaps.SelectMany(group => group).Where(gap => gap.IsSwitchedOff))
        {
            yield return new NotSeen(off.Collector, book["missing.switched_off"]);
        }
    }

    // Notes wake nobody: their number will do.
    private static string Names(Gap gap, TextBook book)
    {
        string[] named = [.. gap.Findings.Where(rule => rule.Severities.Any(severity => severity > Severity.Info)).Select(rule => rule.Id)];
        int notes = gap.Findings.Length - named.Length;
        return notes == 0 ? string.Join(", ", named)
            : named.Length == 0 ? book["missing.notes", ("count", notes)]
            : book["missing.and_notes", ("findings", string.Join(", ", named)), ("count", notes)];
    }
}
