using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>Remedies that change the range of ephemeral ports without handing out a port that a service needs.</summary>
internal static class PortCommands
{
    /// <summary>The range that the kernel starts with.</summary>
    public static readonly PortRange Default = new(32768, 60999);

    /// <summary>Ports of a range that something listens on by TCP and that are not reserved, lowest first.</summary>
    public static ImmutableArray<ushort> Unreserved(Observation seen, PortRange range) =>
        [.. (seen.Listeners?.Ports ?? []).Where(port => port >= range.First && port <= range.Last && seen.Ports?.Reserved.Contains(port) == false).Order()];

    /// <summary>Reserves ports beside those that are reserved already.</summary>
    /// <returns>Null where there is nothing to reserve.</returns>
    public static SettingStep? Reserve(Observation seen, PortSet reserved, ImmutableArray<ushort> ports)
    {
        PortSet all = reserved.With(ports);
        return ports.IsEmpty ? null : HostCommand.Step(seen, SettingCatalogue.ReservedPorts, all.ToString(), all.CountIn(ushort.MinValue, ushort.MaxValue), SettingWay.Raise);
    }

    /// <summary>Sets the range, after what must be reserved in it was reserved.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="remedy">The remedy without its commands.</param>
    /// <param name="range">The range.</param>
    /// <returns>None where it is not known what to reserve.</returns>
    public static IEnumerable<Remedy> SetRange(Observation seen, Remedy remedy, PortRange range) => PortNeeds.Of(seen, range) is { } needs ? SetRange(seen, remedy, range, needs) : [];

    /// <summary>Sets the range, after ports were reserved.</summary>
    public static IEnumerable<Remedy> SetRange(Observation seen, Remedy remedy, PortRange range, PortNeeds needs) => seen.Ports is { } ports && ports.Range != range
        ? HostCommand.Change(
            remedy with { Notes = needs.Notes },
            Reserve(seen, ports.Reserved, needs.Ports),
            HostCommand.Step(seen, SettingCatalogue.PortRange, string.Create(CultureInfo.InvariantCulture, $"{range.First} {range.Last}"), range.Count, SettingWay.Raise))
        : [];

    /// <summary>The range without one end, so that the two ends differ in parity.</summary>
    public static PortRange Even(PortRange range) =>
        (range.First ^ range.Last) % 2 != 0 || range.Count == 1 ? range : range.Last < ushort.MaxValue ? range with { Last = (ushort)(range.Last + 1) } : range with { First = (ushort)(range.First + 1) };
}
