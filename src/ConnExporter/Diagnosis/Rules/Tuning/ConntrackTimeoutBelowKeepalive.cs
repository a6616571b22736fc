using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>
/// Connection tracking forgets an idle connection before its first keepalive probe. Where the entry held a translated address, or where strangers in
/// mid-stream are not picked up, the connection hangs.
/// </summary>
internal sealed class ConntrackTimeoutBelowKeepalive() : TuningRule("tuning_conntrack_timeout_below_keepalive", Severity.Info, Severity.Warning)
{
    private const ulong Hour = 3600;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (settings.Number(SettingCatalogue.ConntrackEstablished) is not { } timeout || settings.Number(SettingCatalogue.KeepaliveTime) is not { } idle || timeout >= idle)
        {
            return null;
        }

        // Until the first probe, and as long again as all probes take; in whole hours.
        ulong probing = (settings.Number(SettingCatalogue.KeepaliveInterval) ?? 75) * (settings.Number(SettingCatalogue.KeepaliveProbes) ?? 9);
        ulong enough = (idle + probing + Hour - 1) / Hour * Hour;
        return Tell(
            settings.Number(SettingCatalogue.ConntrackLoose) == 0 ? Severity.Warning : Severity.Info,
            settings,
            [SettingCatalogue.ConntrackEstablished, SettingCatalogue.KeepaliveTime, SettingCatalogue.ConntrackLoose]) with
        {
            Remedies = [new Remedy("tuning_earlier_keepalive", RemedyKind.Application), new Remedy("tuning_longer_conntrack_timeout", RemedyKind.Platform, Set(SettingCatalogue.ConntrackEstablished, enough))],
        };
    }
}
