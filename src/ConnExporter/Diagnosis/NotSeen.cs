using ConnExporter.Sampling;
using ConnExporter.Texts;

namespace ConnExporter.Diagnosis;

/// <summary>Something that a diagnosis could not look at.</summary>
/// <param name="What">A collector, or a finding that one look cannot tell.</param>
/// <param name="Why">The reason, what would show it, and what cannot be told without it.</param>
internal sealed record NotSeen(string What, string Why)
{
    /// <summary>What the collectors of a snapshot did not see. What is not there, such as connection tracking that nobody uses, is nothing missing.</summary>
    /// <param name="snapshot">The snapshot; where it has a report, what could not be told is named too.</param>
    /// <param name="book">The language.</param>
    public static IEnumerable<NotSeen> Of(Snapshot snapshot, TextBook book)
    {
        ILookup<string, Gap> gaps = (snapshot.Report?.Gaps ?? []).ToLookup(gap => gap.Collector);
        foreach (CollectorState state in snapshot.Collectors)
        {
            Gap? gap = gaps[state.Name].FirstOrDefault(gap => !gap.IsSwitchedOff);
            string? why = state.Outcome == Outcome.Ok ? state.Note
                : state.Outcome == Outcome.Absent && gap is null ? null
                : state.Failure ?? "no sample in time";
            if (gap is not null)
            {
                why ??= string.Join("; ", gap.Lacks.Select(lack => book["missing." + lack.Key, lack.Values]));
                why = $"{why}. {book["missing.untold", ("findings", Names(gap, book))]}";
            }

            if (why is not null)
            {
                yield return new NotSeen(state.Name, why);
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
