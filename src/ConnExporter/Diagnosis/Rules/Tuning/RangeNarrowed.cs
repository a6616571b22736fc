using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A range smaller than the kernel's own, as some set it to force reuse: it only brings exhaustion sooner.</summary>
internal sealed class RangeNarrowed() : TuningRule("tuning_range_narrowed", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        seen.Ports is { Range: var range } && range.Count < PortCommands.Default.Count
            ? Tell(Severity.Info, settings, [SettingCatalogue.PortRange], new Fact("tuning_range_size", ("count", range.Count), ("default", PortCommands.Default.Count))) with
            {
                Remedies = [.. PortCommands.SetRange(seen, new Remedy("tuning_default_range", RemedyKind.Room), PortCommands.Default)],
            }
            : null;
}
