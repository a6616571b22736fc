using ConnExporter.Metrics;

namespace ConnExporter.Sampling;

/// <summary>What one collector read at one time: immutable, complete, and able to write itself on the metrics page.</summary>
internal abstract class Reading
{
    /// <summary>Writes its series. What was not read is left out, never written as 0.</summary>
    /// <param name="page">The page.</param>
    public abstract void Write(ExpositionWriter page);
}
