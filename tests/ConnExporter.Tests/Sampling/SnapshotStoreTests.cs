using ConnExporter.Sampling;

namespace ConnExporter.Tests.Sampling;

public class SnapshotStoreTests
{
    private static readonly CollectorState Blank = new() { Name = "demo", Interval = TimeSpan.FromSeconds(1) };
    private readonly SnapshotStore store = new();

    public SnapshotStoreTests() => store.Update(_ => new Snapshot([Blank with { Name = "a" }, Blank with { Name = "b" }]));

    [Fact]
    public void Changes_of_several_threads_are_all_kept()
    {
        const int Changes = 2000;
        Thread[] writers = [.. Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            for (int change = 0; change < Changes; change++)
            {
                store.Update(snapshot => snapshot with
                {
                    Collectors = snapshot.Collectors.SetItem(i % 2, snapshot.Collectors[i % 2] with { CpuTime = snapshot.Collectors[i % 2].CpuTime + TimeSpan.FromTicks(1) }),
                });
            }
        }))];

        Array.ForEach(writers, writer => writer.Start());
        Array.ForEach(writers, writer => writer.Join());

        store.Current.Collectors.Select(state => state.CpuTime.Ticks).ShouldBe([2L * Changes, 2L * Changes]);
    }

    [Fact]
    public void A_change_that_changes_nothing_leaves_the_same_snapshot()
    {
        Snapshot before = store.Current;

        store.Update(snapshot => snapshot);

        store.Current.ShouldBeSameAs(before);
    }

    [Fact]
    public void A_snapshot_is_complete_once_every_collector_has_an_outcome()
    {
        store.Current.IsComplete.ShouldBeFalse();
        store.Update(snapshot => snapshot with { Collectors = [.. snapshot.Collectors.Select(state => state with { Outcome = Outcome.Stuck })] });
        store.Current.IsComplete.ShouldBeTrue();
    }

    [Fact]
    public void Collectors_are_found_by_name()
    {
        store.Current.IndexOf("b").ShouldBe(1);
        store.Current.IndexOf("c").ShouldBe(-1);
    }
}
