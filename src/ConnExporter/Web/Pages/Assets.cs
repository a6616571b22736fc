using System.Collections.Frozen;
using System.Security.Cryptography;

namespace ConnExporter.Web.Pages;

/// <summary>A file of the page that never changes while the daemon runs.</summary>
/// <param name="Name">Its name below <c>/assets/</c>.</param>
/// <param name="ContentType">Its type.</param>
/// <param name="Content">Its bytes.</param>
internal sealed record Asset(string Name, string ContentType, byte[] Content)
{
    /// <summary>Changes with the content, so that a browser may keep it for good.</summary>
    public string Version { get; } = Convert.ToHexStringLower(SHA256.HashData(Content).AsSpan(0, 6));

    /// <summary>Its address, from the status page.</summary>
    public string Reference => $"assets/{Name}?v={Version}";
}

/// <summary>The files of the page, which are in the program.</summary>
internal static class Assets
{
    public static readonly Asset Style = Read("page.css", "text/css; charset=utf-8");
    public static readonly Asset Script = Read("page.js", "text/javascript; charset=utf-8");
    public static readonly Asset Icon = Read("icon.svg", "image/svg+xml");

    /// <summary>All of them by name.</summary>
    public static FrozenDictionary<string, Asset> All { get; } = new[] { Style, Script, Icon }.ToFrozenDictionary(asset => asset.Name, StringComparer.Ordinal);

    private static Asset Read(string name, string contentType)
    {
        using Stream stream = typeof(Assets).Assembly.GetManifestResourceStream("Web/" + name)!;
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new Asset(name, contentType, content);
    }
}
