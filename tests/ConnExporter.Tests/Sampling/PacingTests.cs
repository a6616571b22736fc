using ConnExporter.Sampling;

namespace ConnExporter.Tests.Sampling;

public sealed class PacingTests
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    // One percent of a core.
    private static readonly TimeSpan Allowance = TimeSpan.FromSeconds(3);

    [Fact]
    public void What_fits_keeps_the_interval_that_was_asked_for() =>
        Intervals(Cheap(1, milliseconds: 0.2), Patient(5, 55, milliseconds: 1), Patient(15, 300, milliseconds: 20)).ShouldBe([1, 5, 15]);

    [Fact]
    public void What_has_never_sampled_costs_nothing() => Intervals(Patient(5, 55, milliseconds: 0)).ShouldBe([5]);

    [Fact]
    public void Beyond_the_allowance_all_that_have_patience_stretch_alike()
    {
        double[] intervals = Intervals(Patient(5, 500, milliseconds: 100), Patient(15, 1500, milliseconds: 300));

        intervals[0].ShouldBeGreaterThan(5);
        (intervals[1] / intervals[0]).ShouldBe(3, tolerance: 0.01);
    }

    [Fact]
    public void None_stretches_beyond_its_patience_while_another_has_some_left()
    {
        // As with a million sockets: the states for 80 ms, the census for 1.4 s.
        double[] intervals = Intervals(Cheap(1, milliseconds: 1), Patient(5, 55, milliseconds: 80), Patient(15, 300, milliseconds: 1400));

        intervals[0].ShouldBe(1);
        intervals[1].ShouldBeLessThanOrEqualTo(55);
        intervals[2].ShouldBe(300, tolerance: 1);
    }

    [Fact]
    public void What_is_still_too_much_is_for_the_one_with_the_most_patience()
    {
        double[] intervals = Intervals(Patient(5, 55, milliseconds: 150), Patient(15, 60, milliseconds: 1900));

        intervals[0].ShouldBe(55, tolerance: 0.1);
        intervals[1].ShouldBe(300, tolerance: 0.1);
    }

    [Fact]
    public void Who_has_less_patience_waits_longer_than_it_only_where_it_would_take_more_than_half() =>
        Intervals(Patient(5, 55, milliseconds: 500), Patient(15, 300, milliseconds: 1400))[0].ShouldBe(100, tolerance: 0.1);

    // As the first census of a million sockets, which has to get ready.
    [Theory]
    [InlineData(1900)]
    [InlineData(2600)]
    [InlineData(20_000)]
    public void One_that_is_too_much_for_a_window_leaves_the_others_their_patience(double milliseconds)
    {
        Load[] loads = [Cheap(1, milliseconds: 1), Patient(5, 55, milliseconds: 100), Patient(15, 120, milliseconds: 10), Patient(15, 300, milliseconds)];
        double[] intervals = Intervals(loads);

        intervals[1].ShouldBe(55, tolerance: 0.1);
        intervals[2].ShouldBeLessThanOrEqualTo(120);
        loads.Zip(intervals).Sum(pair => pair.First.Cost.TotalSeconds * Window.TotalSeconds / pair.Second).ShouldBeLessThanOrEqualTo(Allowance.TotalSeconds * 1.0001);
    }

    [Fact]
    public void What_is_cheap_stretches_only_where_it_takes_half_of_the_allowance()
    {
        Intervals(Cheap(1, milliseconds: 4.9), Patient(5, 55, milliseconds: 500))[0].ShouldBe(1);
        Intervals(Cheap(1, milliseconds: 10), Patient(5, 55, milliseconds: 500))[0].ShouldBe(2, tolerance: 0.02);
    }

    [Fact]
    public void A_sample_that_is_too_much_for_one_window_keeps_to_the_allowance_in_the_long_run() =>
        Intervals(Patient(15, 300, milliseconds: 12_000))[0].ShouldBe(1200, tolerance: 1);

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(300)]
    [InlineData(1500)]
    [InlineData(1700)]
    [InlineData(1850)]
    public void No_window_takes_more_than_the_allowance(double milliseconds)
    {
        Load[] loads = [Cheap(1, milliseconds: 1.5), Patient(5, 55, milliseconds / 20), Patient(15, 300, milliseconds), Patient(15, 120, milliseconds / 50)];
        double[] intervals = Intervals(loads);

        double most = loads.Zip(intervals).Sum(pair => pair.First.Cost.TotalSeconds * Math.Ceiling(Window.TotalSeconds / pair.Second));

        most.ShouldBeLessThanOrEqualTo(Allowance.TotalSeconds * 1.0001);
    }

    [Fact]
    public void No_interval_is_without_end() =>
        Intervals(Patient(3600, 3600, milliseconds: 1e9))[0].ShouldBeLessThan(TimeSpan.FromDays(1e6).TotalSeconds);

    private static double[] Intervals(params Load[] loads) =>
        [.. Pacing.Intervals([.. loads], Allowance, Window, out _).Select(interval => interval.TotalSeconds)];

    private static Load Cheap(double interval, double milliseconds) => new(TimeSpan.FromSeconds(interval), Patience: null, TimeSpan.FromMilliseconds(milliseconds));

    private static Load Patient(double interval, double patience, double milliseconds) =>
        new(TimeSpan.FromSeconds(interval), TimeSpan.FromSeconds(patience), TimeSpan.FromMilliseconds(milliseconds));
}
