namespace ConnExporter.TestSupport;

/// <summary>
/// The program that the tests run: the native file that is shipped, where PROGRAM_UNDER_TEST names it, as <c>tests/run</c> does; otherwise the build that lies
/// beside the tests. One place, so that all of them run the same.
/// </summary>
internal static class ProgramUnderTest
{
    /// <summary>The native file; null where the build is tested.</summary>
    public static string? Native { get; } = Environment.GetEnvironmentVariable("PROGRAM_UNDER_TEST") is { Length: > 0 } file ? Path.GetFullPath(file) : null;

    /// <summary>What starts it.</summary>
    /// <param name="build">Where the build lies, or where <see cref="CopyTo"/> has laid the program.</param>
    public static string[] Command(string build)
    {
        if (Native is null)
        {
            return Built(build);
        }

        string copy = Path.Join(build, Path.GetFileName(Native));
        return [File.Exists(Path.Join(build, "conn-exporter.dll")) || !File.Exists(copy) ? Native : copy];
    }

    /// <summary>What starts a build. The tests run on dotnet as well, unless the runner brings a host of its own.</summary>
    public static string[] Built(string build) => [Path.GetFileName(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet", Path.Join(build, "conn-exporter.dll")];

    /// <summary>Lays it in another folder, as where everybody may read it.</summary>
    /// <param name="build">Where the build lies.</param>
    /// <param name="folder">An empty one.</param>
    public static void CopyTo(string build, string folder)
    {
        foreach (string file in Native is null ? Directory.GetFiles(build) : [Native])
        {
            File.Copy(file, Path.Join(folder, Path.GetFileName(file)));
        }
    }
}
