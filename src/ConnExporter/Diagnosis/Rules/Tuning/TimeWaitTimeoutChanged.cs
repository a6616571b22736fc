using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>
/// TIME_WAIT lasts other than 60 s: the kernel of Alibaba Cloud Linux 2 and 3 has a sysctl for it (1 to 600 s, by the vendor's documentation). Longer than 60 s ports
/// come back later than everybody reckons; a few seconds are less than segments may be under way.
/// </summary>
internal sealed class TimeWaitTimeoutChanged() : TuningRule("tuning_tw_timeout_changed", Severity.Info)
{
    private const ulong Default = 60;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.TimeWaitTimeout) is { } seconds && seconds != Default
            ? Tell(Severity.Info, settings, [SettingCatalogue.TimeWaitTimeout], new Fact(seconds < Default ? "tw_timeout_shorter" : "tw_timeout_longer", ("length", TimeSpan.FromSeconds(seconds)))) with
            {
                Remedies = seconds is >= TimeWaitStorm.Short and < Default
                    ? []
                    : [.. HostCommand.Change(new Remedy("tuning_default_tw_timeout", RemedyKind.Platform), HostCommand.Set(seen, SettingCatalogue.TimeWaitTimeout, Default))],
            }
            : null;
}
