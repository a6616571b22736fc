namespace ConnExporter.EndToEndTests.Support;

/// <summary>A configuration file that a test changes under a running daemon.</summary>
internal sealed class ConfigurationFile : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public ConfigurationFile(string content) => Write(content);

    public string Path => directory["conn-exporter.yml"];

    /// <summary>The flag that names it.</summary>
    public string Flag => $"--config.file={Path}";

    public void Write(string content) => directory.Write("conn-exporter.yml", content);

    public void Dispose() => directory.Dispose();
}
