using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A full accept queue resets connections that a retransmission would have saved.</summary>
internal sealed class AbortOnOverflow() : TuningRule("tuning_abort_on_overflow", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.AbortOnOverflow) > 0
            ? Tell(Severity.Info, settings, [SettingCatalogue.AbortOnOverflow]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_no_abort", RemedyKind.Platform), HostCommand.Set(seen, SettingCatalogue.AbortOnOverflow, 0))],
            }
            : null;
}
