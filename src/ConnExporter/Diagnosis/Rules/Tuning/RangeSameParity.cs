using ConnExporter.Collectors;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>
/// connect() tries the ports of the first one's parity and then the others, bind() the other way about; with an odd number of ports each attempt
/// leaves one of them out (docs/kernel-facts.md §3). The kernel itself logs <c>prefer different parity for start/end values</c> (net/ipv4/sysctl_net_ipv4.c:set_local_port_range).
/// </summary>
internal sealed class RangeSameParity() : TuningRule("tuning_range_same_parity", Severity.Info)
{
    protected override Verdict? Judge(Observation seen, SettingsReading settings) =>
        seen.Ports is { Range: var range } && (range.First ^ range.Last) % 2 == 0 && range.Count > 1
            ? Tell(Severity.Info, settings, [SettingCatalogue.PortRange]) with
            {
                Remedies = [.. PortCommands.SetRange(seen, new Remedy("tuning_even_range", RemedyKind.Room), PortCommands.Even(range))],
            }
            : null;
}
