namespace ConnExporter.EndToEndTests.Support;

/// <summary>A directory that every user may read; it goes away with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private const UnixFileMode Open =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public TemporaryDirectory()
    {
        Path = Directory.CreateTempSubdirectory("conn-exporter-test-").FullName;
        File.SetUnixFileMode(Path, Open);
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Join(Path, name);

    /// <summary>Writes a file whole: a daemon that reads meanwhile sees the old one or the new one.</summary>
    public string Write(string name, string content)
    {
        File.WriteAllText(this[name + ".new"], content);
        File.Move(this[name + ".new"], this[name], overwrite: true);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
