using System.Reflection;

namespace ConnExporter.Benchmarks;

/// <summary>Where the parts of the benchmark lie.</summary>
internal static class Places
{
    public static string RepositoryRoot => Metadata(nameof(RepositoryRoot));

    public static string SocketLab => Metadata(nameof(SocketLab));

    /// <summary>Publishes the daemon as it is shipped and gives the path of its one file.</summary>
    public static string PublishDaemon()
    {
        string folder = Path.Join(RepositoryRoot, "artifacts", "benchmarks");
        Command.RunToEnd(Path.Join(RepositoryRoot, "deploy", "packaging", "publish"), folder);
        return Path.Join(folder, "conn-exporter");
    }

    private static string Metadata(string key) =>
        Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == key).Value!;
}
