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
internal sealed record Remedy(string Key, RemedyKind Kind, params ImmutableArray<string> Commands)
{
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
