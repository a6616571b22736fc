using System.Reflection;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Support;

/// <summary>What was recorded of a kernel (Fixtures/README.md).</summary>
internal static class Fixture
{
    private static readonly string Root = typeof(Fixture).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "FixturesPath").Value!;

    public static ProcFs Proc(string vintage) => new(PathOf(vintage, "proc"));

    /// <summary>A file of a tree.</summary>
    /// <param name="vintage">Such as <c>linux-5.10</c>.</param>
    /// <param name="file">Such as <c>net/snmp</c>.</param>
    public static byte[] Read(string vintage, string file) => File.ReadAllBytes(PathOf(vintage, "proc", file));

    /// <summary>A recorded dump, see Fixtures/README.md.</summary>
    /// <param name="vintage">Such as <c>linux-5.10</c>.</param>
    /// <param name="dump"><c>census</c>, <c>listeners</c> or <c>all</c>.</param>
    public static byte[] Netlink(string vintage, string dump) => File.ReadAllBytes(PathOf("netlink", $"{vintage}-{dump}.bin"));

    public static string PathOf(params string[] parts) => Path.Join([Root, .. parts]);
}
