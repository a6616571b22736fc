using System.Reflection;

namespace ConnExporter.KernelTests;

/// <summary>Where the programs under test are.</summary>
internal static class Places
{
    public static string Repository => Of(nameof(Repository));

    public static string Daemon => Existing(Of(nameof(Daemon)));

    public static string Lab => Existing(Of(nameof(Lab)));

    private static string Of(string key) =>
        typeof(Places).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == key).Value!;

    private static string Existing(string path) =>
        File.Exists(path) ? path : throw new FileNotFoundException($"{path} is not there: build the solution in this configuration first");
}
