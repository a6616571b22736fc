using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Tests.Collectors;

public class OpensHistoryTests
{
    private readonly OpensHistory history = new();

    [Fact]
    public void What_was_opened_since_is_counted_from_the_last_reading_before()
    {
        history.Add(10, 100);
        history.Add(20, 150);
        history.Add(30, 180);

        history.Since(20).ShouldBe(30ul);
        history.Since(25).ShouldBe(30ul, "rather too many");
        history.Since(40).ShouldBe(0ul);
        history.Since(5).ShouldBeNull("nothing was read then");
    }

    [Fact]
    public void A_gap_and_a_counter_that_began_anew_leave_nothing_known()
    {
        history.Add(10, 100);
        history.Add(20, null);
        history.Since(15).ShouldBeNull();
        history.Add(30, 150);
        history.Since(15).ShouldBeNull();
        history.Add(40, 5);

        history.Since(35).ShouldBeNull();
        history.Since(40).ShouldBe(0ul);
    }
}
