namespace ConnExporter.Benchmarks;

/// <summary>A directory with a link to everything in /proc: the same processes, without /proc's own sizes of directories.</summary>
internal sealed class ProcLinks : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("conn-bench-proc-");

    public ProcLinks()
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries("/proc"))
        {
            File.CreateSymbolicLink(System.IO.Path.Join(Path, System.IO.Path.GetFileName(entry)), entry);
        }
    }

    public string Path => directory.FullName;

    public void Dispose() => directory.Delete(recursive: true);
}
