using ConnExporter.Sampling.Census;

namespace ConnExporter.Tests.Census;

public class AgeCountsTests
{
    private readonly AgeCounts ages = new();

    [Fact]
    public void There_is_no_oldest_of_none()
    {
        ages.Oldest.ShouldBeNull();
        ages.CountFrom(TimeSpan.Zero).ShouldBe(0ul);
    }

    [Theory]
    [InlineData(0, 6)]
    [InlineData(1, 5)]
    [InlineData(300, 4)]
    [InlineData(301, 3)]
    [InlineData(600, 3)]
    [InlineData(3600, 2)]
    [InlineData(7200, 1)]
    [InlineData(86_400, 1)]
    public void Those_at_least_that_old_are_counted(int seconds, int count)
    {
        foreach (double age in (double[])[0.5, 1, 300.9, 660, 3700, 900_000])
        {
            ages.Add(TimeSpan.FromSeconds(age));
        }

        ages.CountFrom(TimeSpan.FromSeconds(seconds)).ShouldBe((ulong)count);
        ages.Oldest.ShouldBe(TimeSpan.FromSeconds(900_000));
    }
}
