using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>Set to shorten TIME_WAIT, which it does not: that is 60 s, fixed in the kernel. It governs FIN_WAIT2 sockets that no process holds (docs/kernel-facts.md §3).</summary>
internal sealed class FinTimeoutLowered() : TuningRule("tuning_fin_timeout_lowered", Severity.Info)
{
    private const int Default = 60;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.FinTimeout) < Default
            ? Tell(Severity.Info, settings, [SettingCatalogue.FinTimeout]) with
            {
                Remedies = [new Remedy("tuning_default_fin_timeout", RemedyKind.Platform, Set(SettingCatalogue.FinTimeout, Default))],
            }
            : null;
}
