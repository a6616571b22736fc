namespace ConnExporter.Diagnosis;

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
