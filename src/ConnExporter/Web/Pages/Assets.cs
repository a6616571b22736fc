using System.Collections.Frozen;
using System.Globalization;
using ConnExporter.Texts;

namespace ConnExporter.Web.Pages;

/// <summary>A file of the page that never changes while the daemon runs.</summary>
/// <param name="Name">Its name below <c>/assets/</c>.</param>
/// <param name="ContentType">Its type.</param>
/// <param name="Content">Its bytes.</param>
internal sealed record Asset(string Name, string ContentType, byte[] Content)
{
    /// <summary>Changes with the content, so that a browser may keep it for good.</summary>
    public string Version { get; } = Fingerprint(Content).ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Its address, from the status page.</summary>
    public string Reference => $"assets/{Name}?v={Version}";

    // FNV-1a. A hash of the framework's would load OpenSSL, which a host without TLS need not have.
    private static ulong Fingerprint(byte[] content)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte value in content)
        {
            hash = unchecked((hash ^ value) * 0x100000001b3);
        }

        return hash;
    }
}

/// <summary>The files of the page, which are in the program.</summary>
internal static class Assets
{
    public static readonly Asset Style = Read("page.css", "text/css; charset=utf-8");
    public static readonly Asset Script = Read("page.js", "text/javascript; charset=utf-8");
    public static readonly Asset Icon = Read("icon.svg", "image/svg+xml");

    /// <summary>All of them by name.</summary>
    public static FrozenDictionary<string, Asset> All { get; } = new[] { Style, Script, Icon }.ToFrozenDictionary(asset => asset.Name, StringComparer.Ordinal);

    private static Asset Read(string name, string contentType) => new(name, contentType, EmbeddedFile.Find("Web/" + name)!);
}
