using ConnExporter.Sampling;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Sampling;

public class CollectContextTests
{
    private readonly List<string> said = [];
    private readonly ManualTime time = new();
    private readonly CollectContext context;

    public CollectContextTests() => context = new CollectContext(time, said.Add);

    [Fact]
    public void A_note_is_said_once_and_the_newest_is_known()
    {
        foreach (string? note in new[] { null, "slow", "slow", "slower", "slower" })
        {
            context.Note(note);
            context.LastNote.ShouldBe(note);
        }

        said.ShouldBe(["slow", "slower"]);
    }

    // With connections that come and go each second there would be a line each second.
    [Fact]
    public void One_that_comes_and_goes_does_not_fill_the_log()
    {
        for (int second = 0; second <= 600; second++)
        {
            context.Note(second % 2 == 0 ? "slow" : null);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        said.ShouldBe(["slow", "slow"]);
    }

    [Fact]
    public void Notes_of_many_texts_take_no_more_room()
    {
        for (int i = 0; i < 100; i++)
        {
            context.Note($"slow {i}");
        }

        said.Count.ShouldBe(100);
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
        CollectContext part = context.ForNamespace("other");
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
