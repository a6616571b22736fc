using ConnExporter.Collectors;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules.Tuning;

/// <summary>Outgoing connections may sit on the ports of well-known services. The kernel takes such a range only once net.ipv4.ip_unprivileged_port_start was lowered.</summary>
internal sealed class RangeBelow1024() : TuningRule("tuning_range_below_1024", Severity.Warning)
{
    private const ushort FirstUnprivileged = 1024;

    protected override Verdict? Judge(Observation seen, SettingsReading settings)
    {
        if (seen.Ports is not { Range: var range } || range.First >= FirstUnprivileged)
        {
            return null;
        }

        // What is left of a narrow one would be the next note: then the kernel's own, which is what that asks for.
        PortRange? left = range.Last > FirstUnprivileged ? PortCommands.Even(range with { First = FirstUnprivileged }) : null;
        PortRange better = left is { } rest && rest.Count >= PortCommands.Default.Count ? rest : PortCommands.Default;
        return Tell(Severity.Warning, settings, [SettingCatalogue.PortRange, SettingCatalogue.ReservedPorts]) with
        {
            Remedies = [.. PortCommands.SetRange(seen, new Remedy("tuning_move_range", RemedyKind.Room), better)],
        };
    }
}
