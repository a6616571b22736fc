namespace ConnExporter.Diagnosis.Rules;

/// <summary>Commands of remedies, as root types them on the host.</summary>
internal static class HostCommand
{
    /// <summary>Sets a sysctl of the observed network namespace.</summary>
    /// <param name="seen">Where.</param>
    /// <param name="name">Its full name.</param>
    /// <param name="value">The value; one with blanks is quoted.</param>
    public static string Sysctl(Observation seen, string name, string value) => seen.Inside(SysctlOfHost(name, value));

    /// <summary>Sets a sysctl that is the whole host's.</summary>
    public static string SysctlOfHost(string name, string value) => value.Contains(' ', StringComparison.Ordinal) ? $"sysctl -w {name}=\"{value}\"" : $"sysctl -w {name}={value}";
}
