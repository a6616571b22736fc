namespace ConnExporter.Tests.Support;

/// <summary>A directory of the test's own, removed with it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;

    /// <summary>Writes a file, and the directories above it.</summary>
    public string Write(string name, byte[] content)
    {
        string path = System.IO.Path.Join(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    public string Write(string name, string content) => Write(name, Refusal.Bytes(content));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
