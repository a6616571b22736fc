using System.Collections.Immutable;

namespace ConnExporter.Diagnosis;

/// <summary>What to do, least risk first.</summary>
internal enum RemedyKind
{
    /// <summary>Ten minutes' grace that keep the evidence, before any restart.</summary>
    Grace,

    /// <summary>A: change the application.</summary>
    Application,

    /// <summary>B: more room.</summary>
    Room,

    /// <summary>C: reuse.</summary>
    Reuse,

    /// <summary>D: network and platform.</summary>
    Platform,
}

/// <summary>One remedy of a finding. Its texts are <c>remedy.KEY.title</c>, <c>.effect</c> and <c>.risk</c> in each language.</summary>
/// <param name="Key">Such as <c>widen_port_range</c>.</param>
/// <param name="Kind">How near to the cause it is.</param>
/// <param name="Commands">Exact commands to copy; none where the remedy is a change of code.</param>
internal sealed record Remedy(string Key, RemedyKind Kind, params ImmutableArray<ShellCommand> Commands)
{
    /// <summary>Whether a name in one of its commands cannot be written as it is. Then none is shown, as they belong together, and the text says so.</summary>
    public bool IsWithheld => Commands.Any(command => !command.IsExact);

    /// <summary>The commands as they are typed into a shell, one a line, wherever they are shown.</summary>
    public ImmutableArray<string> CommandLines => IsWithheld || DefersTo is not null ? [] : [.. Commands.Select(command => command.ToString())];

    /// <summary>The settings that its commands bring to a value.</summary>
    public ImmutableArray<SettingStep> Steps { get; init; } = [];

    /// <summary>Names of settings whose value in force was not read, so that the commands presume one.</summary>
    public ImmutableArray<string> Unread => [.. Steps.Where(step => step.IsUnread).Select(step => step.Name).Distinct(StringComparer.Ordinal)];

    /// <summary>The finding whose commands go further with the same setting: these are left out then, and the text says so. Null for most.</summary>
    public string? DefersTo { get; init; }

    /// <summary>What else there is to say of its commands: the text <c>fact.KEY</c> of each follows the effect.</summary>
    public ImmutableArray<Fact> Notes { get; init; } = [];

    /// <summary>What goes into the texts.</summary>
    public ImmutableArray<(string Name, object Value)> Values { get; init; } = [];

    /// <summary>How much longer it lasts at the present growth; null where that cannot be told.</summary>
    public TimeSpan? Buys { get; init; }

    /// <summary>The name of the kind in JSON.</summary>
    public string KindLabel => Kind switch
    {
        RemedyKind.Grace => "grace",
        RemedyKind.Application => "A",
        RemedyKind.Room => "B",
        RemedyKind.Reuse => "C",
        _ => "D",
    };
}
