namespace ConnExporter.Benchmarks;

/// <summary>What one sample, scrape or run costs.</summary>
/// <param name="Cpu">CPU time of the whole process in milliseconds.</param>
/// <param name="Wall">Time on the clock in milliseconds.</param>
/// <param name="Peak">The highest resident memory of the process so far in MB.</param>
internal readonly record struct Cost(double Cpu, double Wall, double Peak)
{
    /// <summary>CPU time in milliseconds of the collector's thread alone; 0 where it is not known.</summary>
    public double Own { get; init; }
}

/// <summary>Units of the report.</summary>
internal static class Unit
{
    public const double Megabyte = 1e6;
}
