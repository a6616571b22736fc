using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A full SYN queue drops every further handshake: a SYN flood of a few hundred packets a second closes the service.</summary>
internal sealed class SyncookiesOff() : TuningRule("tuning_syncookies_off", Severity.Warning)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.SynCookies) == 0
            ? Tell(Severity.Warning, settings, [SettingCatalogue.SynCookies, SettingCatalogue.SynBacklog]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_syncookies_on", RemedyKind.Platform), HostCommand.Raise(seen, SettingCatalogue.SynCookies, 1))],
            }
            : null;
}
