using ConnExporter.Kernel;

namespace ConnExporter.Configuration;

/// <summary>The Unix socket by which <c>diagnose</c> asks the daemon of this host: unlike a port, nobody else can listen there.</summary>
internal static class LocalSocket
{
    /// <summary>Where the packaged unit has it.</summary>
    public const string PackagedPath = PackagedDirectory + "/" + FileName;

    /// <summary>The unit's RuntimeDirectory.</summary>
    public const string PackagedDirectory = "/run/conn-exporter";
    private const string FileName = "diagnose.sock";

    /// <summary>Where a daemon with these options serves it.</summary>
    /// <param name="options">The options.</param>
    /// <param name="environment">Reads an environment variable: systemd 240 and newer names the unit's RuntimeDirectory.</param>
    /// <returns>Null where it was not named, and there is no RuntimeDirectory of this user's.</returns>
    public static string? PathToServe(WebOptions options, Func<string, string?> environment)
    {
        if (options.LocalSocket is { } named)
        {
            return named;
        }

        // systemd separates several by colons.
        string? runtime = environment("RUNTIME_DIRECTORY")?.Split(':', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return runtime is not null ? Path.Join(runtime, FileName) : FileOwner.Of(PackagedDirectory) is { IsDirectory: true } owner && owner.User == FileOwner.Own ? PackagedPath : null;
    }

    /// <summary>Where <c>diagnose</c> asks for it. Not by RUNTIME_DIRECTORY: its environment is that of whoever called it.</summary>
    public static string PathToAsk(WebOptions options) => options.LocalSocket ?? PackagedPath;
}
