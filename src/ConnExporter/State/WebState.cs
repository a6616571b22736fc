namespace ConnExporter.State;

/// <summary>How the web server stands at one moment, for the metrics page.</summary>
internal sealed record WebState
{
    /// <summary>Nothing was ever asked.</summary>
    public static WebState None { get; } = new();

    /// <summary>Open connections.</summary>
    public ulong Connections { get; init; }

    public ulong OverBound { get; init; }

    public ulong OverClientBound { get; init; }

    public ulong WithoutDescriptor { get; init; }

    public ulong GivenUp { get; init; }

    public ulong Silent { get; init; }

    public ulong Slow { get; init; }

    public ulong Handshake { get; init; }

    public ulong Busy { get; init; }

    public ulong OverRate { get; init; }

    public ulong Unauthorized { get; init; }

    public ulong Guessing { get; init; }

    /// <summary>Whether the access files in force are the newest; null where there are none.</summary>
    public bool? AccessFilesOk { get; init; }

    /// <summary>When the certificate ends; null without TLS.</summary>
    public DateTimeOffset? CertificateExpires { get; init; }
}
