using ConnExporter.Diagnosis.Resources;

namespace ConnExporter.Tests.Resources;

public class ResourceTrackerTests
{
    // Nearly ten minutes, after which everything is forgotten anyway.
    private const int Looks = 119;
    private readonly ResourceTracker tracker = new();

    [Fact]
    public void Names_that_come_and_go_in_crowds_leave_no_more_than_the_bound()
    {
        for (int look = 0; look < Looks; look++)
        {
            tracker.Follow(Time(look), isOwn: true, Enumerable.Range(0, ResourceTracker.Followed).Select(i => Port($"{look}-{i}", look)));
            tracker.Forget(Time(look));
        }

        tracker.Count.ShouldBe(ResourceTracker.Bound);
        tracker.HistoryOf(ResourceKind.EphemeralPorts, "self", $"{Looks - 1}-0", Time(Looks - 1)).ShouldHaveSingleItem();
        tracker.HistoryOf(ResourceKind.EphemeralPorts, "self", "0-0", Time(Looks - 1)).ShouldBeEmpty("the oldest go first");
    }

    [Fact]
    public void One_that_stays_keeps_its_history_among_them()
    {
        for (int look = 0; look < Looks; look++)
        {
            tracker.Follow(Time(look), isOwn: true, Enumerable.Range(0, 20).Select(i => Port($"{look}-{i}", look)).Append(Port("stays", look) with { Used = 90 }));
            tracker.Forget(Time(look));
        }

        tracker.HistoryOf(ResourceKind.EphemeralPorts, "self", "stays", Time(Looks - 1)).Length.ShouldBe(Looks);
    }

    private static TimeSpan Time(int look) => TimeSpan.FromSeconds(5 * look);

    private static ResourceInstance Port(string name, int look) => new(ResourceKind.EphemeralPorts, "self", name, 1, 100) { Timestamp = look };
}
