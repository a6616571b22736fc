using ConnExporter.Kernel.Sources;

namespace ConnExporter.Diagnosis;

/// <summary>A setting that a remedy brings to a value. There is none where that would change nothing or go back, see <see cref="Rules.HostCommand"/>.</summary>
/// <param name="Place">Who has the setting: a network namespace as the page names it, or empty for what the whole host has once.</param>
/// <param name="Name">As sysctl has it, or <c>RLIMIT_NOFILE of 4711</c>.</param>
/// <param name="Value">What it is brought to.</param>
/// <param name="Reach">How far that goes: of two values for one setting the greater reach is the one that both remedies are content with.</param>
/// <param name="Way">Which values are further.</param>
/// <param name="Command">The command that does it.</param>
internal sealed record SettingStep(string Place, string Name, string Value, double Reach, SettingWay Way, ShellCommand Command)
{
    /// <summary>Whether the value in force was not read: then the command presumes it, and the text says so.</summary>
    public bool IsUnread { get; init; }

    /// <summary>Whether it is a sysctl, not the limit of a process.</summary>
    public bool IsSysctl => !Name.StartsWith("RLIMIT_", StringComparison.Ordinal);

    /// <summary>Whether the host or our own network namespace has the setting, so that the host's files set it at the next boot.</summary>
    public bool IsOfOwnPlace => Place is "" or KernelSource.OwnNamespace;

    /// <summary>Whether both are about one setting.</summary>
    public bool IsOfSame(SettingStep other) => Name == other.Name && Place == other.Place;
}

/// <summary>The direction in which a step goes.</summary>
internal enum SettingWay
{
    /// <summary>More is content with any more.</summary>
    Raise,

    /// <summary>Less is content with any less.</summary>
    Lower,

    /// <summary>This value and no other.</summary>
    Set,
}
