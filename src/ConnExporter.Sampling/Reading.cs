namespace ConnExporter.Sampling;

/// <summary>What one collector read at one time: immutable and complete. What was not read is null, never 0.</summary>
internal abstract class Reading;
