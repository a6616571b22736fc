namespace ConnExporter.Benchmarks;

/// <summary>A part of the suite as the list names it.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Title">Its heading in the report.</param>
/// <param name="Summary">What it measures, for the help text.</param>
/// <param name="Takes">About how long.</param>
/// <param name="Run">Measures.</param>
internal sealed record Part(string Name, string Title, string Summary, Func<BenchmarkSettings, TimeSpan> Takes, Action<Bench, Section> Run);
