using System.Reflection;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>Where the sources and the build output lie.</summary>
internal static class Repository
{
    public static string Root { get; } = Metadata("RepositoryRoot");

    /// <summary>The daemon as it was built along with these tests.</summary>
    public static string DaemonDirectory { get; } = Metadata("DaemonDirectory");

    /// <summary>The program that makes sockets, built along as well.</summary>
    public static string Lab { get; } = Metadata("Lab");

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
