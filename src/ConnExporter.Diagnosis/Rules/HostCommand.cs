using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis.Rules;

/// <summary>
/// Commands of remedies that set something, as root types them on the host. Each reads the value in force: what would change nothing or go back is no step, and
/// where the value was not read the step says so.
/// </summary>
internal static class HostCommand
{
    /// <summary>Raises a sysctl to a number.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="name">Its full name.</param>
    /// <param name="value">The value.</param>
    /// <returns>Null where it is as high or higher.</returns>
    public static SettingStep? Raise(Observation seen, string name, ulong value) => seen.NumberOf(name) >= value ? null : Step(seen, name, value, value, SettingWay.Raise);

    /// <summary>Lowers a sysctl to a number.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="name">Its full name.</param>
    /// <param name="value">The value.</param>
    /// <param name="zero">What the kernel takes a 0 for.</param>
    /// <returns>Null where it is as low or lower.</returns>
    public static SettingStep? Lower(Observation seen, string name, ulong value, ulong zero = 0) =>
        (seen.NumberOf(name) is 0 ? zero : seen.NumberOf(name)) <= value ? null : Step(seen, name, value, -(double)value, SettingWay.Lower);

    /// <summary>Sets a sysctl to a number.</summary>
    /// <returns>Null where it is that.</returns>
    public static SettingStep? Set(Observation seen, string name, ulong value) => seen.NumberOf(name) == value ? null : Step(seen, name, value, 0, SettingWay.Set);

    /// <summary>A step with a value of any form.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="name">Its full name.</param>
    /// <param name="value">The value.</param>
    /// <param name="reach">See <see cref="SettingStep"/>.</param>
    /// <param name="way">The direction.</param>
    public static SettingStep Step(Observation seen, string name, string value, double reach, SettingWay way)
    {
        var command = ShellCommand.Of("sysctl", "-w", $"{name}={value}");
        bool isOfHost = SettingCatalogue.IsOfHost(name);
        return new(isOfHost ? "" : seen.Netns, name, value, reach, way, isOfHost ? command : seen.Inside(command)) { IsUnread = seen.SettingOf(name) is null };
    }

    /// <summary>A remedy by steps: its own commands come after theirs.</summary>
    /// <returns>None where no step changes anything.</returns>
    public static IEnumerable<Remedy> Change(Remedy remedy, params ImmutableArray<SettingStep?> steps)
    {
        ImmutableArray<SettingStep> needed = [.. steps.OfType<SettingStep>()];
        return needed.IsEmpty ? [] : [remedy with { Commands = [.. needed.Select(step => step.Command), .. remedy.Commands], Steps = needed }];
    }

    private static SettingStep Step(Observation seen, string name, ulong value, double reach, SettingWay way) => Step(seen, name, value.ToString(CultureInfo.InvariantCulture), reach, way);
}
