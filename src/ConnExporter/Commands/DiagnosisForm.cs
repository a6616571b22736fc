namespace ConnExporter.Commands;

/// <summary>How a diagnosis is shown.</summary>
internal enum DiagnosisForm
{
    /// <summary>What matters, on one screen.</summary>
    Short,

    /// <summary>All of it, as text.</summary>
    Full,

    /// <summary>All of it, for programs.</summary>
    Json,
}
