namespace ConnExporter.Diagnosis;

/// <summary>When something is a finding. Each is an option, <c>diagnosis.*</c>.</summary>
internal sealed record Thresholds
{
    /// <summary>Used share of a resource that is a warning.</summary>
    public double WarningRatio { get; init; } = 0.80;

    /// <summary>Used share that is critical.</summary>
    public double CriticalRatio { get; init; } = 0.95;

    /// <summary>Forecast below which it is a warning.</summary>
    public TimeSpan WarningForecast { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Forecast below which it is critical.</summary>
    public TimeSpan CriticalForecast { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a condition must last before it is a finding.</summary>
    public TimeSpan For { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long it must be gone before the finding ends.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The window in which overflows and drops count.</summary>
    public TimeSpan DropWindow { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Overflows or drops a second, over that window, beyond which it is critical.</summary>
    public double CriticalDropRate { get; init; } = 1;

    /// <summary>CLOSE_WAIT sockets that are a warning.</summary>
    public int CloseWaitWarning { get; init; } = 100;

    /// <summary>CLOSE_WAIT sockets that are critical.</summary>
    public int CloseWaitCritical { get; init; } = 1000;

    /// <summary>The age of the oldest from which they count.</summary>
    public TimeSpan CloseWaitAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>SYN_SENT sockets that are a warning.</summary>
    public int SynSent { get; init; } = 100;

    /// <summary>Different destinations without an answer that look like a scan.</summary>
    public int UnansweredDestinations { get; init; } = 50;

    /// <summary>SYN_RECV sockets of one listener from which a flood is suspected.</summary>
    public int SynReceived { get; init; } = 100;

    /// <summary>Share of retransmitted segments.</summary>
    public double RetransmitRatio { get; init; } = 0.05;

    /// <summary>The window for that share.</summary>
    public TimeSpan RetransmitWindow { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>ESTABLISHED sockets that are worth a note.</summary>
    public int Established { get; init; } = 60_000;

    /// <summary>How long ESTABLISHED must grow to be called a leak, and CLOSE_WAIT to be critical.</summary>
    public TimeSpan LeakGrowth { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Stalled sockets that are a warning.</summary>
    public int Stalled { get; init; } = 20;

    /// <summary>Connections that whoever runs the host below permits (<c>limits.connections</c>); null where none is known.</summary>
    public int? ConnectionLimit { get; init; }

    /// <summary>Processes of one name, each with connections, that are a storm.</summary>
    public int ProcessStorm { get; init; } = 200;
}
