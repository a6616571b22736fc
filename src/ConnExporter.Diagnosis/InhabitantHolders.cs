using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Namespaces;

namespace ConnExporter.Diagnosis;

/// <summary>Who holds what is found in another network namespace, where its sockets were not followed to their processes: whoever is in there, as most sockets of a namespace are.</summary>
internal static class InhabitantHolders
{
    /// <summary>A verdict with what the processes of the namespace tell of its holder: one where there is only one process, or all are of one unit; else a fact alone.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="verdict">The verdict; null where there is none.</param>
    public static Verdict? Add(Observation seen, Verdict? verdict)
    {
        if (verdict is not { Holders.IsEmpty: true } || seen.Inhabitants is not { } all)
        {
            return verdict;
        }

        Holder? holder = all.Count == 1 ? Of(seen, all)
            : !all.IsOneUnit ? null
            : all.IsOneName ? Holder.Of(all.Name, all.Unit)
            : new Holder(all.Unit) { Unit = all.Unit };
        (string, object)[] values = [("process", new OutsideName(all.Name)), ("pid", $"{all.ProcessId}"), ("unit", new OutsideName(UnitName.Readable(all.Unit))), ("count", all.Count)];
        string key = all.Count == 1 ? "only_process_of_netns" : all.IsOneUnit ? "one_unit_of_netns" : "processes_of_netns";
        return verdict with { Holders = holder is null ? [] : [holder], Evidence = verdict.Evidence.Add(new Fact(key, [.. values])) };
    }

    private static Holder Of(Observation seen, NamespaceInhabitants all) =>
        Holder.Of(all.Name, all.Unit) with { ProcessId = all.ProcessId, StartedAt = seen.StartOf(all.StartTicks) };
}
