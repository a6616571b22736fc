using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Resources;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A listener that has been short of room has exactly somaxconn for its limit: what it asked for was probably cut off. Those with room to spare are not worth a word.</summary>
internal sealed class BacklogCutOff() : TuningRule("tuning_backlog_cut_off", Severity.Info)
{
    public override ImmutableArray<Input> Inputs => [Input.Settings, Input.ListenerLimits];

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
        return Tell(Severity.Info, settings, [SettingCatalogue.SoMaxConn], new Fact("tuning_listener_at_somaxconn", ("instance", name), ("limit", most), ("peak", row.Peak))) with
        {
            Instance = name,
            Holders = HolderOf(seen, row) is { } holder ? [holder] : [],
            Remedies =
            [
                new Remedy("tuning_larger_backlog", RemedyKind.Application),
                .. HostCommand.Change(new Remedy("tuning_raise_somaxconn", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.SoMaxConn, ListenerRemedies.LargerBacklog(most))),
            ],
        };
    }
}
