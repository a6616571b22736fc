using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>With syncookies on, the SYN queue ends at the backlog of its listener; this number counts without them only (net/ipv4/tcp_input.c:tcp_conn_request).</summary>
internal sealed class SynBacklogRaised() : TuningRule("tuning_syn_backlog_raised", Severity.Info)
{
    // The kernel works it out from the memory of the host, and never higher (net/ipv4/tcp.c:tcp_init).
    private const ulong HighestDefault = 4096;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.SynBacklog) > HighestDefault && settings.Number(SettingCatalogue.SynCookies) > 0
            ? Tell(Severity.Info, settings, [SettingCatalogue.SynBacklog, SettingCatalogue.SynCookies, SettingCatalogue.SoMaxConn]) with
            {
                Remedies = [new Remedy("tuning_larger_backlog", RemedyKind.Application)],
            }
            : null;
}
