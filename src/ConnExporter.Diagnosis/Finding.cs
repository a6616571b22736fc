namespace ConnExporter.Diagnosis;

/// <summary>Something that is wrong, for as long as it holds.</summary>
/// <param name="Rule">The rule that found it; its id is the finding's.</param>
/// <param name="Netns">The network namespace.</param>
/// <param name="Severity">How bad it is now, after hysteresis.</param>
/// <param name="Verdict">The newest verdict that agreed.</param>
/// <param name="Since">When it began.</param>
internal sealed record Finding(Rule Rule, string Netns, Severity Severity, Verdict Verdict, DateTimeOffset Since)
{
    /// <summary>Its name.</summary>
    public string Id => Rule.Id;

    /// <summary>The finding that probably causes it, of those that hold; null where it stands by itself.</summary>
    public string? CausedBy { get; init; }

    /// <summary>When it was last seen, where it is not seen any more and only has not been gone for long enough to be over: then it has no remedies, as what they would mend is not there. Null while it is seen.</summary>
    public DateTimeOffset? LastSeen { get; init; }

    /// <summary>What somebody says whose word cannot be checked; null where nobody does.</summary>
    public ReportedSince? Reported { get; init; }
}

/// <summary>Somebody's word on when a finding began.</summary>
/// <param name="By">Where he was asked.</param>
/// <param name="Since">When it began, as he says.</param>
internal sealed record ReportedSince(string By, DateTimeOffset Since);

/// <summary>How bad a finding is.</summary>
internal enum Severity
{
    /// <summary>Worth knowing; nobody is to be woken.</summary>
    Info,

    /// <summary>Connections will fail, or some do.</summary>
    Warning,

    /// <summary>Connections fail, or will within minutes.</summary>
    Critical,
}

/// <summary>The names of severities.</summary>
internal static class Severities
{
    private static readonly string[] Labels = ["info", "warning", "critical"];

    /// <summary>The value of the label <c>severity</c>.</summary>
    public static string Label(this Severity severity) => Labels[(int)severity];
}
