namespace ConnExporter.EndToEndTests.Faults;

/// <summary>How far the sweeps go: CONN_EXPORTER_SWEEP=full for every call, which takes half an hour.</summary>
internal static class Sweep
{
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("CONN_EXPORTER_SWEEP") == "full";

    /// <summary>Which of the calls 1, 2, … fail.</summary>
    /// <param name="last">The last one.</param>
    public static IEnumerable<int> Numbers(int last)
    {
        // Most threads make few calls, so the low numbers reach the most places.
        for (int n = 1; n <= last; n = IsFull ? n + 1 : Math.Max(n + 1, n * 8 / 5))
        {
            yield return n;
        }
    }
}
