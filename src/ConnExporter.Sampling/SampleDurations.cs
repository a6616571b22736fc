namespace ConnExporter.Sampling;

/// <summary>Who is told how long samples took.</summary>
/// <param name="Of">What takes the durations of one collector, by its name.</param>
/// <param name="Forget">A collector is no more.</param>
internal sealed record SampleDurations(Func<string, Action<TimeSpan>> Of, Action<string> Forget);
