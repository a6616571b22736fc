using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Collectors;
using ConnExporter.Resources;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>A service listens on a port that the kernel also hands out: when it starts anew, a connection may sit there, and bind() fails (docs/kernel-facts.md §12).</summary>
internal sealed class RangeOverlapsListeners() : TuningRule("tuning_range_overlaps_listeners", Severity.Info)
{
    private const int Named = 10;

    public override ImmutableArray<Input> Inputs => [Input.Settings, Input.Ports, Input.Listeners];

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (seen.Ports is not { } ports || seen.Listeners is not { } listeners)
        {
            return null;
        }

        ImmutableArray<ushort> overlapping = PortCommands.Unreserved(seen, ports.Range);
        if (overlapping.IsEmpty)
        {
            return null;
        }

        string list = string.Join(", ", overlapping.Take(Named).Select(port => port.ToString(CultureInfo.InvariantCulture))) + (overlapping.Length > Named ? ", …" : "");
        return Tell(Severity.Info, settings, [SettingCatalogue.PortRange, SettingCatalogue.ReservedPorts], new Fact("tuning_overlapping_ports", ("count", overlapping.Length), ("ports", list))) with
        {
            Holders = [.. listeners.Rows.Where(row => overlapping.Contains(ushort.Parse(row.Port, NumberStyles.None, CultureInfo.InvariantCulture)))
                .Select(row => HolderOf(seen, row)).OfType<Holder>().Distinct().Take(Named)],
            Remedies = [.. HostCommand.Change(new Remedy("tuning_reserve_ports", RemedyKind.Room), PortCommands.Reserve(seen, ports.Reserved, overlapping))],
        };
    }
}
