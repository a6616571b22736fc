using ConnExporter.Collectors;
using ConnExporter.Resources;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A listener that has been short of room has exactly somaxconn for its limit: what it asked for was probably cut off. Those with room to spare are not worth a word.</summary>
internal sealed class BacklogCutOff() : TuningRule("tuning_backlog_cut_off", Severity.Info)
{
    private const ulong Enough = 65535;
    private const ulong ModernDefault = 4096;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (settings.Number(SettingCatalogue.SoMaxConn) is not { } most || seen.Listeners is not { } listeners)
        {
            return null;
        }

        ListenersReading.Row? row = listeners.Rows.Where(row => row.Limit == most && (row.Drops > 0 || row.Peak * 2 >= row.Limit))
            .OrderByDescending(row => row.Drops ?? 0).ThenByDescending(row => row.Peak).FirstOrDefault();
        if (row is null)
        {
            return null;
        }

        string name = ResourceReadings.Endpoint(row.Address, row.Port);
        var raise = new Remedy("tuning_raise_somaxconn", RemedyKind.Room, Set(SettingCatalogue.SoMaxConn, Math.Min(Enough, Math.Max(ModernDefault, most * 4))));
        return Tell(Severity.Info, settings, [SettingCatalogue.SoMaxConn], new Fact("tuning_listener_at_somaxconn", ("instance", name), ("limit", row.Limit), ("peak", row.Peak))) with
        {
            Instance = name,
            Holders = HolderOf(seen, row) is { } holder ? [holder] : [],
            Remedies = most < Enough ? [new Remedy("tuning_larger_backlog", RemedyKind.Application), raise] : [new Remedy("tuning_larger_backlog", RemedyKind.Application)],
        };
    }
}
