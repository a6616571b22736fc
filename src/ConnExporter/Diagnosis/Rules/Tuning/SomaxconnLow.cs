using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>The default from before Linux 5.4: no accept queue of the host can be longer, whatever a service asks for.</summary>
internal sealed class SomaxconnLow() : TuningRule("tuning_somaxconn_low", Severity.Info)
{
    private const ulong Old = 128;
    private const int Today = 4096;

    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        settings.Number(SettingCatalogue.SoMaxConn) <= Old
            ? Tell(Severity.Info, settings, [SettingCatalogue.SoMaxConn]) with
            {
                Remedies = [.. HostCommand.Change(new Remedy("tuning_raise_somaxconn", RemedyKind.Room), HostCommand.Raise(seen, SettingCatalogue.SoMaxConn, Today))],
            }
            : null;
}
