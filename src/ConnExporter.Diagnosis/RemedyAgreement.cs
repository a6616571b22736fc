using System.Collections.Immutable;

namespace ConnExporter.Diagnosis;

/// <summary>
/// Sees to it that the commands of one report can be run one after the other: no two bring one setting to different values, and within a finding none is printed twice. A
/// step that another finding's goes further than is that one; what contradicts it, and a note beside something wrong, gives way as a whole. Both say to which finding.
/// </summary>
internal static class RemedyAgreement
{
    /// <summary>The findings, with the commands that give way left out.</summary>
    /// <param name="findings">The findings in their order.</param>
    public static ImmutableArray<Finding> Of(ImmutableArray<Finding> findings)
    {
        Dictionary<(string Place, string Name), (SettingStep Step, Finding Of)> chosen = [];
        foreach ((Finding finding, SettingStep step) in findings.SelectMany(finding => finding.Verdict.Remedies.Where(remedy => !remedy.IsWithheld).SelectMany(remedy => remedy.Steps).Select(step => (finding, step))))
        {
            (string, string) key = (step.Place, step.Name);
            if (!chosen.TryGetValue(key, out (SettingStep Step, Finding Of) other) || GoesBefore((step, finding), other))
            {
                chosen[key] = (step, finding);
            }
        }

        return chosen.Count == 0 ? findings : [.. findings.Select(finding => finding with { Verdict = finding.Verdict with { Remedies = Of(finding, chosen) } })];
    }

    private static ImmutableArray<Remedy> Of(Finding finding, Dictionary<(string Place, string Name), (SettingStep Step, Finding Of)> chosen)
    {
        HashSet<SettingStep> printed = [];
        ImmutableArray<Remedy>.Builder remedies = ImmutableArray.CreateBuilder<Remedy>(finding.Verdict.Remedies.Length);
        foreach (Remedy remedy in finding.Verdict.Remedies)
        {
            Remedy agreed = remedy.IsWithheld ? remedy : Settle(remedy, finding, chosen);
            agreed = agreed.Steps.Where(step => printed.Any(one => one.IsOfSame(step))).Aggregate(agreed, static (one, step) => one with { Steps = one.Steps.Remove(step), Commands = one.Commands.Remove(step.Command) });
            printed.UnionWith(agreed.Steps);
            remedies.Add(agreed);
        }

        return remedies.MoveToImmutable();
    }

    private static Remedy Settle(Remedy remedy, Finding finding, Dictionary<(string Place, string Name), (SettingStep Step, Finding Of)> chosen)
    {
        Remedy agreed = remedy;
        foreach (SettingStep step in remedy.Steps)
        {
            (SettingStep further, Finding of) = chosen[(step.Place, step.Name)];
            if (step.Value == further.Value)
            {
                continue;
            }

            bool isOwn = ReferenceEquals(of, finding);
            bool isContent = isOwn || (IsNote(of) == IsNote(finding) && step.Way == further.Way && step.Way != SettingWay.Set);
            if (!isContent)
            {
                return remedy with { DefersTo = of.Id, Steps = [] };
            }

            // Its steps belong together, such as what is reserved and the range: each finding has them all.
            agreed = agreed with
            {
                Steps = agreed.Steps.Replace(step, further),
                Commands = agreed.Commands.Replace(step.Command, further.Command),
                Notes = isOwn ? agreed.Notes : agreed.Notes.Add(new Fact("step_goes_further", ("setting", step.Name), ("value", further.Value), ("finding", of.Id))),
            };
        }

        return agreed;
    }

    // What is wrong goes before what is only worth a note; then what goes further, as long as both go the same way; then the worse, which is the earlier.
    private static bool GoesBefore((SettingStep Step, Finding Of) one, (SettingStep Step, Finding Of) other) =>
        IsNote(one.Of) != IsNote(other.Of) ? !IsNote(one.Of)
            : one.Step.Way == other.Step.Way && one.Step.Way != SettingWay.Set ? one.Step.Reach > other.Step.Reach
            : one.Of.Severity > other.Of.Severity;

    private static bool IsNote(Finding finding) => finding.Severity == Severity.Info;
}
