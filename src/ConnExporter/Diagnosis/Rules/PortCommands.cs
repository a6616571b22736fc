using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Commands that change the range of ephemeral ports without handing out a port that a service needs.</summary>
internal static class PortCommands
{
    /// <summary>The range that the kernel starts with.</summary>
    public static readonly PortRange Default = new(32768, 60999);

    /// <summary>Listening ports of a range that are not reserved, lowest first.</summary>
    public static ImmutableArray<ushort> Unreserved(Observation seen, PortRange range) =>
        [.. (seen.Listeners?.Rows ?? []).Select(row => ushort.Parse(row.Port, NumberStyles.None, CultureInfo.InvariantCulture)).Distinct()
            .Where(port => port >= range.First && port <= range.Last && seen.Ports?.Reserved.Contains(port) == false).Order()];

    /// <summary>Reserves ports beside those that are reserved already.</summary>
    public static string Reserve(Observation seen, PortSet reserved, IEnumerable<ushort> ports) => HostCommand.Sysctl(seen, SettingCatalogue.ReservedPorts, reserved.With(ports).ToString());

    /// <summary>Sets the range, after the listening ports in it were reserved.</summary>
    public static ImmutableArray<string> SetRange(Observation seen, PortRange range) => SetRange(seen, range, Unreserved(seen, range));

    /// <summary>Sets the range, after ports were reserved.</summary>
    public static ImmutableArray<string> SetRange(Observation seen, PortRange range, ImmutableArray<ushort> reserve)
    {
        string set = HostCommand.Sysctl(seen, SettingCatalogue.PortRange, string.Create(CultureInfo.InvariantCulture, $"{range.First} {range.Last}"));
        return reserve.IsEmpty || seen.Ports is not { } ports ? [set] : [Reserve(seen, ports.Reserved, reserve), set];
    }

    /// <summary>The range without one end, so that the two ends differ in parity.</summary>
    public static PortRange Even(PortRange range) =>
        (range.First ^ range.Last) % 2 != 0 || range.Count == 1 ? range : range.Last < ushort.MaxValue ? range with { Last = (ushort)(range.Last + 1) } : range with { First = (ushort)(range.First + 1) };
}
