namespace ConnExporter.Hosting;

/// <summary>The exit codes of the daemon.</summary>
internal static class ExitCode
{
    /// <summary>Ended as asked.</summary>
    public const int Ok = 0;

    /// <summary>A flag, a variable or the configuration file cannot be used.</summary>
    public const int Configuration = 2;

    /// <summary>No address could be bound.</summary>
    public const int CannotBind = 3;

    /// <summary>A certificate, a key or the list of users cannot be used.</summary>
    public const int AccessFiles = 4;

    /// <summary>A defect in this program.</summary>
    public const int Internal = 70;
}
