using ConnExporter.Kernel;

namespace ConnExporter.Configuration;

/// <summary>Where incidents are kept, and how many.</summary>
/// <param name="Path">The directory; null where none was named.</param>
/// <param name="MaxCount">Records at most; the oldest goes first.</param>
/// <param name="MaxBytes">Bytes of all records at most.</param>
/// <param name="Interval">While an incident goes on getting worse it is recorded again no more often than this.</param>
internal sealed record RecorderOptions(string? Path, int MaxCount, long MaxBytes, TimeSpan Interval)
{
    /// <summary>Where the packaged unit keeps them.</summary>
    public const string PackagedPath = "/var/lib/conn-exporter";

    /// <summary>The directory to write to: the one that was named, else the unit's StateDirectory; null for neither, and then nothing is recorded.</summary>
    /// <param name="environment">Reads an environment variable.</param>
    public string? DirectoryToWrite(Func<string, string?> environment) => Path ?? StateDirectory(environment);

    /// <summary>The directory to read from: as for writing, else the packaged unit's.</summary>
    /// <param name="environment">Reads an environment variable.</param>
    public string DirectoryToRead(Func<string, string?> environment) => DirectoryToWrite(environment) ?? PackagedPath;

    /// <summary>Where the path was given, for complaints.</summary>
    public string Place { get; init; } = "--" + Settings.RecorderPath;

    /// <summary>Refuses a path for a daemon's records that is another one in each directory it is started from.</summary>
    /// <exception cref="ConfigurationException">It is relative.</exception>
    public void RefuseRelative()
    {
        if (Path is { } path && !path.StartsWith('/'))
        {
            throw new ConfigurationException($"{Place}: '{path}': expected an absolute path; the daemon may be started in any directory");
        }
    }

    /// <summary>What is in the way of a directory: a file in its place, or in that of one above it.</summary>
    /// <returns>Null where nothing is; it may have to be made.</returns>
    public static string? InTheWay(string directory)
    {
        for (string? place = System.IO.Path.GetFullPath(directory); place is not null; place = System.IO.Path.GetDirectoryName(place))
        {
            if (FileOwner.OfTarget(place) is { } there)
            {
                return there.IsDirectory ? null : place;
            }
        }

        return null;
    }

    // systemd separates several by colons.
    private static string? StateDirectory(Func<string, string?> environment) => environment("STATE_DIRECTORY")?.Split(':', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
}
