using System.Reflection;

namespace ConnExporter.KernelTests;

/// <summary>Where the programs under test are.</summary>
internal static class Places
{
    public static string Repository => Of(nameof(Repository));

    /// <summary>The daemon as it was built along with these tests.</summary>
    public static string Build => Of(nameof(Build));

    /// <summary>What starts the daemon.</summary>
    public static string[] Program { get; } = ProgramUnderTest.Command(Build);

    public static string Lab => Existing(Of(nameof(Lab)));

    private static string Of(string key) =>
        typeof(Places).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == key).Value!;

    private static string Existing(string path) =>
        File.Exists(path) ? path : throw new FileNotFoundException($"{path} is not there: build the solution in this configuration first");
}
