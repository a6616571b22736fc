using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Sampling;

public class CollectContextTests
{
    private readonly List<string> said = [];
    private readonly CollectContext context;

    public CollectContextTests() => context = new CollectContext(new ManualTime(), said.Add);

    [Fact]
    public void A_note_is_said_once_until_another_one_or_none_comes()
    {
        foreach (string? note in new[] { null, "slow", "slow", "slower", "slower", "slow", null, null, "slow" })
        {
            context.Note(note);
        }

        said.ShouldBe(["slow", "slower", "slow", "slow"]);
    }

    [Fact]
    public void Rejected_values_are_taken_once()
    {
        context.Reject(2);
        context.Reject(3);

        context.TakeRejected().ShouldBe(5ul);
        context.TakeRejected().ShouldBe(0ul);
    }

    [Fact]
    public void Dropped_label_sets_add_up_and_0_makes_the_family_known()
    {
        context.Drop("conn_a", 0);
        context.Drop("conn_b", 2);
        context.Drop("conn_b", 3);

        context.Dropped.ShouldBe([new("conn_a", 0), new("conn_b", 5)]);
    }

    [Fact]
    public void A_part_counts_for_the_whole_and_says_nothing()
    {
        CollectContext part = context.ForPart();
        part.Reject(2);
        part.Drop("conn_a", 3);
        part.Note("slow");

        context.TakeRejected().ShouldBe(2ul);
        context.Dropped.ShouldBe([new("conn_a", 3)]);
        said.ShouldBeEmpty();
    }

    [Fact]
    public void Cpu_time_of_other_threads_is_taken_once()
    {
        context.Spend(TimeSpan.FromMilliseconds(2));
        context.Spend(TimeSpan.FromMilliseconds(3));

        context.TakeSpent().ShouldBe(TimeSpan.FromMilliseconds(5));
        context.TakeSpent().ShouldBe(TimeSpan.Zero);
    }
}
