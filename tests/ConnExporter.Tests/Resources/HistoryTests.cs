using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Tests.Resources;

public class HistoryTests
{
    private readonly History history = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(20));

    [Fact]
    public void A_slot_keeps_its_highest_value()
    {
        Add((0, 3), (1, 7), (4, 2), (5, 1));

        Values.ShouldBe([7, 1]);
    }

    [Fact]
    public void The_oldest_goes_first()
    {
        Add((0, 1), (5, 2), (10, 3), (15, 4), (20, 5));

        Values.ShouldBe([2, 3, 4, 5]);
    }

    [Fact]
    public void A_long_one_grows_to_its_length_and_then_goes_round()
    {
        var longer = new History(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(55));
        for (int i = 0; i < 30; i++)
        {
            longer.Add(TimeSpan.FromSeconds(5 * i), i).ShouldBeTrue();
            longer.Since(TimeSpan.Zero).Select(point => point.Value).ShouldBe(Enumerable.Range(0, i + 1).TakeLast(11).Select(value => (double)value));
        }
    }

    [Fact]
    public void A_pause_leaves_a_gap_and_no_values()
    {
        Add((0, 1), (100, 2));

        Values.ShouldBe([1, 2]);
        history.Since(TimeSpan.FromSeconds(50)).ShouldHaveSingleItem().Value.ShouldBe(2);
    }

    [Fact]
    public void The_highest_since_a_time_passes_over_what_was_before()
    {
        Add((0, 9), (5, 4), (10, 6));

        history.HighestSince(TimeSpan.FromSeconds(3)).ShouldBe(6);
        history.HighestSince(TimeSpan.FromSeconds(11)).ShouldBeNull();
    }

    private double[] Values => [.. Enumerable.Range(0, history.Count).Select(i => history[i].Value)];

    private void Add(params (int Second, double Value)[] points)
    {
        foreach ((int second, double value) in points)
        {
            history.Add(TimeSpan.FromSeconds(second), value);
        }
    }
}
