using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Tests.Support;

/// <summary>A reading of a test, which writes its own series.</summary>
internal abstract class TestReading : Reading
{
    /// <summary>Writes the series of any reading.</summary>
    public static void WriteAny(ExpositionWriter page, Reading? reading)
    {
        if (reading is TestReading own)
        {
            own.Write(page);
        }
        else
        {
            ReadingMetrics.Write(page, reading);
        }
    }

    /// <summary>Writes its series.</summary>
    public abstract void Write(ExpositionWriter page);
}
