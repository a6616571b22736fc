using System.IO.Compression;
using System.Text;

namespace ConnExporter.Texts;

/// <summary>Files that are in the program: texts, runbooks, what the page needs. They lie there compressed by the build, a third of their size.</summary>
internal static class EmbeddedFile
{
    /// <summary>The names of all files in a folder, with the folder.</summary>
    /// <param name="folder">With a slash at its end.</param>
    public static IEnumerable<string> In(string folder) =>
        typeof(EmbeddedFile).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal));

    /// <summary>What is in a file.</summary>
    /// <returns>Null where there is no such file.</returns>
    public static byte[]? Find(string name)
    {
        using Stream? packed = typeof(EmbeddedFile).Assembly.GetManifestResourceStream(name);
        if (packed is null)
        {
            return null;
        }

        using var stream = new GZipStream(packed, CompressionMode.Decompress);
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }

    /// <summary>What is in a file, as text.</summary>
    /// <returns>Null where there is no such file.</returns>
    public static string? FindText(string name) => Find(name) is { } content ? Encoding.UTF8.GetString(content) : null;
}
