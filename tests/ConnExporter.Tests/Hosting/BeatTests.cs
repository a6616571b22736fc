using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Hosting;

/// <summary>Threads that wake each few seconds wake together.</summary>
public sealed class BeatTests
{
    [Theory]
    [InlineData(0.7, 0.0, 1.0, 0.3)]
    [InlineData(0.7, 0.1, 15.0, 14.2)]
    [InlineData(0.0, 0.4, 1.0, 0.6)]
    public void The_next_turn_is_at_a_whole_second(double started, double took, double interval, double wait) =>
        Wait(started, took, TimeSpan.FromSeconds(interval)).ShouldBe(wait, tolerance: 1e-6);

    [Theory]
    [InlineData(0.2)]
    [InlineData(1.5)]
    [InlineData(16.83)]
    public void An_interval_that_is_no_multiple_of_a_second_is_kept(double interval) =>
        Wait(started: 0.7, took: 0.1, TimeSpan.FromSeconds(interval)).ShouldBe(interval - 0.1, tolerance: 1e-6);

    [Fact]
    public void An_overdue_turn_is_not_waited_for() =>
        Wait(started: 0.5, took: 2, TimeSpan.FromSeconds(1)).ShouldBeLessThan(0);

    [Fact]
    public void Who_looks_at_what_the_others_read_comes_behind_them()
    {
        var behind = TimeSpan.FromMilliseconds(20);

        Wait(started: 0.02, took: 0.01, TimeSpan.FromSeconds(5), behind).ShouldBe(4.99, tolerance: 1e-6);
        Wait(started: 0.9, took: 0, TimeSpan.FromSeconds(1), behind).ShouldBe(0.12, tolerance: 1e-6);
    }

    // A clock that begins at a whole second.
    private static double Wait(double started, double took, TimeSpan interval, TimeSpan after = default)
    {
        var time = new ManualTime();
        time.Advance(TimeSpan.FromSeconds(started));
        long start = time.GetTimestamp();
        time.Advance(TimeSpan.FromSeconds(took));
        return Beat.Until(start, interval, time, after).TotalSeconds;
    }
}
