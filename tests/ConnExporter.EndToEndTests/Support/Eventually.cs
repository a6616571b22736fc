using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>Waits for what takes a while, no longer than it takes.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongPause = TimeSpan.FromMilliseconds(500);

    /// <summary>Looks again and again until an assertion holds; fails as it failed last.</summary>
    public static Task Holds(Func<Task> assertion) => Holds(assertion, Patience, Pause);

    /// <summary>As <see cref="Holds(Func{Task})"/>, for what takes longer and is not cheap to look at.</summary>
    public static Task Holds(TimeSpan patience, Func<Task> assertion) => Holds(assertion, patience, LongPause);

    private static async Task Holds(Func<Task> assertion, TimeSpan patience, TimeSpan pause)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await assertion();
                return;
            }
            catch (Exception e) when (e is ShouldAssertException or HttpRequestException or KeyNotFoundException && clock.Elapsed < patience)
            {
                await Task.Delay(pause);
            }
        }
    }

    /// <summary>As <see cref="Holds(Func{Task})"/>, for what needs no waiting itself.</summary>
    public static Task Holds(Action assertion) => Holds(() =>
    {
        assertion();
        return Task.CompletedTask;
    });
}
