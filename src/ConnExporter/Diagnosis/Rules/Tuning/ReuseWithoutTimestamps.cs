using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>Reuse of TIME_WAIT tells old segments from new ones by their timestamps; without them it does nothing.</summary>
internal sealed class ReuseWithoutTimestamps() : TuningRule("tuning_tw_reuse_without_timestamps", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.TimeWaitReuse) == 1 && settings.Number(SettingCatalogue.Timestamps) == 0
            ? Tell(Severity.Info, settings, [SettingCatalogue.TimeWaitReuse, SettingCatalogue.Timestamps]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_timestamps_on", RemedyKind.Reuse), HostCommand.Set(seen, SettingCatalogue.Timestamps, 1))],
            }
            : null;
}
