using ConnExporter.Tests.Support;
using ConnExporter.Web.Access;

namespace ConnExporter.Tests.Web.Access;

public class RequestSlotsTests
{
    private readonly ManualTime time = new();
    private readonly List<int> aborted = [];

    [Fact]
    public void There_are_as_many_as_there_are()
    {
        var slots = new RequestSlots(2, time);
        RequestSlots.Slot first = Take(slots, 1).ShouldNotBeNull();
        Take(slots, 2).ShouldNotBeNull();
        Take(slots, 3).ShouldBeNull();

        slots.Return(first);

        Take(slots, 4).ShouldNotBeNull();
        aborted.ShouldBeEmpty();
    }

    [Fact]
    public void Who_takes_long_gives_way_and_takes_no_place_along_when_it_ends()
    {
        var slots = new RequestSlots(2, time);
        RequestSlots.Slot slow = Take(slots, 1).ShouldNotBeNull();
        time.Advance(RequestSlots.Grace);
        Take(slots, 2).ShouldNotBeNull();

        Take(slots, 3).ShouldNotBeNull();
        aborted.ShouldBe([1]);
        slots.Return(slow);
        Take(slots, 4).ShouldBeNull("the place has gone to 3");
        time.Advance(RequestSlots.Grace);
        Take(slots, 5).ShouldNotBeNull();
        aborted.ShouldBe([1, 2], "the oldest first");
    }

    private RequestSlots.Slot? Take(RequestSlots slots, int number) => slots.Take(() => aborted.Add(number));
}
