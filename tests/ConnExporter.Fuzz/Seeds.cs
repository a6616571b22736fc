using System.Reflection;
using System.Text;

namespace ConnExporter.Fuzz;

/// <summary>Where valid inputs come from: what was recorded of kernels, what is written here, and what was found before.</summary>
internal static class Seeds
{
    /// <summary>The root of the repository.</summary>
    public static string Root { get; } = typeof(Seeds).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "RepositoryRoot").Value!;

    private static string Fixtures => Path.Join(Root, "tests", "ConnExporter.Tests", "Fixtures");

    /// <summary>A file of a recorded proc tree, of each kernel that has it.</summary>
    public static byte[][] OfProc(string file) =>
        [.. Directory.EnumerateDirectories(Fixtures, "linux-*").Order(StringComparer.Ordinal).Select(vintage => Path.Join(vintage, "proc", file)).Where(File.Exists).Select(File.ReadAllBytes)];

    /// <summary>The recorded dumps of sockets.</summary>
    public static byte[][] OfNetlink() => [.. Directory.EnumerateFiles(Path.Join(Fixtures, "netlink"), "*.bin").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    /// <summary>The inputs by which defects of a decoder were found.</summary>
    public static byte[][] OfFinds(string decoder) => Directory.Exists(FindsOf(decoder)) ? [.. Directory.EnumerateFiles(FindsOf(decoder)).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)] : [];

    /// <summary>The directory of these inputs.</summary>
    public static string FindsOf(string decoder) => Path.Join(Fixtures, "fuzz", decoder);

    /// <summary>Texts as they stand.</summary>
    public static byte[][] Texts(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];
}
