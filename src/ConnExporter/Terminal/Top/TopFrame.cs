using System.Text.Json;

namespace ConnExporter.Terminal.Top;

/// <summary>What is shown at one time.</summary>
/// <param name="Diagnosis">The document of <see cref="Json.ReportJson"/>.</param>
/// <param name="Snapshot">The document of <see cref="Json.SnapshotJson"/>.</param>
/// <param name="IsOfDaemon">Whether a daemon has told it.</param>
internal sealed record TopFrame(JsonElement Diagnosis, JsonElement Snapshot, bool IsOfDaemon);
