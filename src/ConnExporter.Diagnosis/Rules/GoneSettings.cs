using System.Collections.Immutable;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>A file sets a sysctl that the kernel does not have any more: it does nothing, and <c>sysctl -p</c> reports an error.</summary>
internal abstract class GoneSettingRule(string id, params ImmutableArray<string> names) : TuningRule(id, Severity.Info)
{
    private const int Named = 5;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        ImmutableArray<SysctlAssignment> set = [.. settings.Assignments.Where(assignment => names.Contains(assignment.Name) && !assignment.IgnoresErrors)];
        return set.IsEmpty ? null : Tell(Severity.Info, settings, []) with
        {
            Instance = set[^1].Path,
            Evidence = [.. set.Take(Named).Select(SetIn), new Fact(Id)],
            Remedies = [new Remedy("tuning_remove_line", RemedyKind.Platform, [.. set.Take(Named).Select(CommentOut)])],
            Settings = [.. set.Select(assignment => assignment.Name).Distinct(StringComparer.Ordinal)],
        };
    }
}

/// <summary>ip_conntrack_max, the name of nf_conntrack_max from before Linux 2.6.20.</summary>
internal sealed class OldConntrackMaxInFile() : GoneSettingRule("tuning_ip_conntrack_max_in_file", SettingCatalogue.OldConntrackMax, SettingCatalogue.OlderConntrackMax);

/// <summary>tcp_tw_recycle, which broke connections from behind NAT and was removed in Linux 4.12.</summary>
internal sealed class RecycleInFile() : GoneSettingRule("tuning_tw_recycle_in_file", SettingCatalogue.TimeWaitRecycle);
