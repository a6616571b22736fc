using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>Set to shorten TIME_WAIT, which it does not: that is 60 s, fixed in the mainline kernel; that of Alibaba Cloud Linux 2 and 3 has tcp_tw_timeout for it. It governs FIN_WAIT2 sockets that no process holds (docs/kernel-facts.md §3).</summary>
internal sealed class FinTimeoutLowered() : TuningRule("tuning_fin_timeout_lowered", Severity.Info)
{
    private const int Default = 60;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.FinTimeout) < Default
            ? Tell(Severity.Info, settings, [SettingCatalogue.FinTimeout, SettingCatalogue.TimeWaitTimeout]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_default_fin_timeout", RemedyKind.Platform), HostCommand.Raise(seen, SettingCatalogue.FinTimeout, Default))],
            }
            : null;
}
