using System.Reflection;
using System.Runtime.InteropServices;

namespace ConnExporter.State;

/// <summary>What was built, from which revision, and what runs it.</summary>
internal static class BuildVersion
{
    private static readonly string Informational =
        typeof(BuildVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    /// <summary>The version, such as 0.1.0.</summary>
    public static string Version { get; } = Informational.Split('+')[0];

    /// <summary>The source revision; empty where the build did not know it.</summary>
    public static string Revision { get; } = Informational.Contains('+', StringComparison.Ordinal) ? Informational.Split('+')[1] : "";

    /// <summary>The runtime, such as .NET 10.0.1.</summary>
    public static string Runtime { get; } = RuntimeInformation.FrameworkDescription;
}
