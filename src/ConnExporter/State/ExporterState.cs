using ConnExporter.Diagnosis;
using ConnExporter.Sampling;

namespace ConnExporter.State;

/// <summary>Everything that is shown, at one moment. Never changed: a new one takes its place whole.</summary>
/// <param name="Snapshot">What the collectors have read.</param>
internal sealed record ExporterState(Snapshot Snapshot)
{
    /// <summary>What the diagnosis made of a snapshot a moment ago; null before it looked.</summary>
    public DiagnosisReport? Report { get; init; }

    /// <summary>How the last reload of the configuration ended.</summary>
    public ConfigurationState Configuration { get; init; } = new(LastReloadOk: true, default);

    /// <summary>How the web server stands.</summary>
    public WebState Web { get; init; } = WebState.None;

    /// <summary>How the flight recorder stands; null where there is none, as in a single look.</summary>
    public RecorderState? Recorder { get; init; }

    /// <summary>Lines of the log that were lost so far because nobody read them.</summary>
    public ulong DroppedLogLines { get; init; }

    /// <summary>Whether there is all there will be: a sample of every collector, and a diagnosis.</summary>
    public bool IsReady => Snapshot.IsComplete && Report is not null;
}

/// <summary>Whether the configuration in force is the one that was read last.</summary>
/// <param name="LastReloadOk">False while the newest file could not be used and the older one is in force.</param>
/// <param name="LoadedAt">When the one in force was read.</param>
internal sealed record ConfigurationState(bool LastReloadOk, DateTimeOffset LoadedAt);

/// <summary>The flight recorder as a snapshot shows it.</summary>
/// <param name="Enabled">Whether it has a directory.</param>
/// <param name="Incidents">Incidents that began.</param>
/// <param name="Written">Records written.</param>
/// <param name="Failed">Records lost.</param>
internal sealed record RecorderState(bool Enabled, ulong Incidents, ulong Written, ulong Failed);
