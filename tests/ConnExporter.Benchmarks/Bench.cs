namespace ConnExporter.Benchmarks;

/// <summary>What every part works with.</summary>
/// <param name="Settings">What to measure, and on how much.</param>
/// <param name="Place">The network namespace.</param>
/// <param name="Daemon">The published daemon.</param>
internal sealed record Bench(BenchmarkSettings Settings, TestNamespace Place, Daemon Daemon)
{
    /// <summary>Does something as often as there are rounds.</summary>
    public List<T> Rounds<T>(string what, Func<T> measure)
    {
        List<T> results = [];
        for (int round = 1; round <= Settings.Rounds; round++)
        {
            Say($"  {what}, round {round} of {Settings.Rounds}");
            results.Add(measure());
        }

        return results;
    }

    /// <summary>Progress, for whoever waits.</summary>
    public static void Say(string what) => Console.Error.WriteLine($"{DateTime.Now:HH:mm:ss} {what}");
}

/// <summary>A benchmark that cannot be run here, and why.</summary>
internal sealed class BenchmarkException(string message) : Exception(message);
