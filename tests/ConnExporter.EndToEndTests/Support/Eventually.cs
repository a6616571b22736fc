using System.Diagnostics;

namespace ConnExporter.EndToEndTests.Support;

/// <summary>Waits for what takes a while, no longer than it takes.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Looks again and again until an assertion holds; fails as it failed last.</summary>
    public static async Task Holds(Func<Task> assertion)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await assertion();
                return;
            }
            catch (Exception e) when (e is ShouldAssertException or HttpRequestException or KeyNotFoundException && clock.Elapsed < Patience)
            {
                await Task.Delay(Pause);
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
