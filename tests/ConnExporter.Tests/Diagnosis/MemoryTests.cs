using ConnExporter.Diagnosis;

namespace ConnExporter.Tests.Diagnosis;

public class MemoryTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly Memory memory = new();

    [Fact]
    public void One_look_tells_no_rise()
    {
        Count(0, 5);

        memory.RiseOf("drops", Minute).ShouldBeNull();
        memory.RiseOf("never read", Minute).ShouldBeNull();
    }

    [Fact]
    public void Two_looks_tell_the_rise_between_them()
    {
        Count(0, 5);
        Count(1, 8);

        memory.RiseOf("drops", Minute).ShouldBe(new Rise(3, TimeSpan.FromSeconds(1)));
        (memory.RiseOf("drops", Minute)!.Value is var rise ? rise.Count / rise.Over.TotalSeconds : 0).ShouldBe(3);
    }

    [Fact]
    public void A_rise_before_the_window_does_not_count()
    {
        Count(0, 0);
        Count(1, 100);
        for (int second = 2; second <= 120; second++)
        {
            Count(second, 100);
        }

        memory.RiseOf("drops", Minute)!.Value.Count.ShouldBe(0);
    }

    [Fact]
    public void A_rise_within_the_window_counts_whole()
    {
        for (int second = 0; second <= 120; second++)
        {
            Count(second, second >= 90 ? 7ul : 0);
        }

        memory.RiseOf("drops", Minute)!.Value.Count.ShouldBe(7);
        memory.RiseOf("drops", Minute)!.Value.Over.ShouldBeInRange(Minute, Minute + TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_counter_that_was_reset_rises_by_what_it_has_counted_since()
    {
        Count(0, 1000);
        Count(1, 4);

        memory.RiseOf("drops", Minute)!.Value.Count.ShouldBe(4);
    }

    [Fact]
    public void What_is_not_fed_any_more_is_forgotten()
    {
        Count(0, 1);
        Count(1, 2);
        memory.Begin(TimeSpan.FromMinutes(10));

        memory.RiseOf("drops", Minute).ShouldBeNull();
    }

    [Fact]
    public void A_gauge_is_kept_every_five_seconds()
    {
        for (int second = 0; second < 600; second++)
        {
            memory.Begin(TimeSpan.FromSeconds(second));
            memory.Gauge("established", second);
        }

        memory.HistoryOf("established", TimeSpan.FromSeconds(10)).Select(point => point.Value).ShouldBe([589, 594, 599]);
    }

    private void Count(int second, ulong value)
    {
        memory.Begin(TimeSpan.FromSeconds(second));
        memory.Count("drops", value);
    }

    [Theory]
    [InlineData(0xffff_fff0ul, 5ul, 21)]
    [InlineData(0x1_ffff_fff0ul, 0x1_0000_0005ul, 21)]
    [InlineData(0x3_0000_0000ul, 0x1_0000_0010ul, 16)]
    [InlineData(5_000ul, 7ul, 7)]
    [InlineData(3_000_000_000ul, 7ul, 7)]
    public void A_counter_of_32_bits_is_followed_over_its_end_and_a_reset_is_none(ulong before, ulong after, double rise)
    {
        memory.Begin(TimeSpan.Zero);
        memory.Count("drops", before, isNarrow: true);
        memory.Begin(TimeSpan.FromSeconds(1));
        memory.Count("drops", after, isNarrow: true);

        memory.RiseOf("drops", Minute)!.Value.Count.ShouldBe(rise);
    }

    [Theory]
    [InlineData(1, 0.7, 0)]
    [InlineData(4, 0.7, 0)]
    [InlineData(271, 0.9, 27.1)]
    [InlineData(30, 60, 0.5)]
    public void A_rate_takes_time_and_events(double count, double seconds, double perSecond) => new Rise(count, TimeSpan.FromSeconds(seconds)).PerSecond.ShouldBe(perSecond, 1e-9);
}
