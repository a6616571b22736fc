namespace ConnExporter.Hosting;

/// <summary>The exit codes of the daemon. <c>diagnose</c> has its own for what it found.</summary>
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

    /// <summary>diagnose: a warning holds.</summary>
    public const int Warning = 1;

    /// <summary>diagnose: something critical holds.</summary>
    public const int Critical = 2;

    /// <summary>diagnose: nothing was found, but not everything could be looked at.</summary>
    public const int CouldNotTell = 3;

    /// <summary>explain: nothing is known about what was asked.</summary>
    public const int Unknown = 1;

    /// <summary>who: there is nobody.</summary>
    public const int Nobody = 1;

    /// <summary>diff: findings or settings are not the same.</summary>
    public const int Different = 1;

    /// <summary>A command was used wrongly (sysexits.h, EX_USAGE); 2 is taken where it means critical.</summary>
    public const int Usage = 64;

    /// <summary>A defect in this program.</summary>
    public const int Internal = 70;

    /// <summary>Standard output cannot be written: a full disk, or closed (sysexits.h, EX_IOERR).</summary>
    public const int Output = 74;
}
