using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis;

/// <summary>Something that a diagnosis could not look at.</summary>
/// <param name="What">A collector, or a finding that one look cannot tell.</param>
/// <param name="Why">The reason, and what would show it.</param>
internal sealed record NotSeen(string What, string Why)
{
    /// <summary>What the collectors of a snapshot did not see. What is not there, such as connection tracking that nobody uses, is nothing missing.</summary>
    public static IEnumerable<NotSeen> Of(Snapshot snapshot)
    {
        foreach (CollectorState state in snapshot.Collectors)
        {
            if (state.Outcome is not (Outcome.Ok or Outcome.Absent))
            {
                yield return new NotSeen(state.Name, state.Failure ?? "no sample in time");
            }
            else if (state.Note is { } note)
            {
                yield return new NotSeen(state.Name, note);
            }
        }
    }
}
