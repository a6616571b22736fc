using ConnExporter.Sampling;
using FsCheck;
using FsCheck.Fluent;

namespace ConnExporter.Tests.Sampling;

public class PeakWindowTests
{
    private readonly PeakWindow window = new();

    [Fact]
    public void Without_a_value_the_peak_is_0() => window.Peak.ShouldBe(0u);

    [Fact]
    public void The_highest_value_is_remembered()
    {
        Add(0, 3);
        Add(1, 9);
        Add(2, 4);

        window.Peak.ShouldBe(9u);
    }

    [Theory]
    [InlineData(55)]
    [InlineData(59)]
    public void It_is_still_there_55_seconds_later(int later)
    {
        Add(4, 9);
        Add(later, 1);

        window.Peak.ShouldBe(9u);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(64)]
    [InlineData(3600)]
    public void It_is_gone_a_minute_later(int later)
    {
        Add(0, 9);
        Add(later, 1);

        window.Peak.ShouldBe(1u);
    }

    [Fact]
    public void It_is_the_maximum_of_the_last_twelve_slots_whatever_came_when() => Prop.ForAll<(byte Pause, ushort Value)[]>(steps =>
    {
        var tried = new PeakWindow();
        List<(long Second, uint Value)> all = [];
        long second = 0;
        foreach ((byte pause, ushort value) in steps)
        {
            second += pause;
            tried.Add(TimeSpan.FromSeconds(second), value);
            all.Add((second, value));
        }

        uint expected = all.Where(entry => entry.Second / 5 > (second / 5) - 12).Select(entry => entry.Value).DefaultIfEmpty(0u).Max();
        return tried.Peak == expected;
    }).QuickCheckThrowOnFailure();

    private void Add(int second, uint value) => window.Add(TimeSpan.FromSeconds(second), value);
}
