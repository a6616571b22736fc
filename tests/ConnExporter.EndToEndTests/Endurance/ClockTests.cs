using ConnExporter.EndToEndTests.Support;

namespace ConnExporter.EndToEndTests.Endurance;

/// <summary>The wall clock of the running program is set by a year, forth and back. Monotonic time goes on, as with a clock that is set by hand.</summary>
[Collection(OneAtATime.Name)]
public sealed class ClockTests(PublishedProgram program) : IDisposable
{
    private const double Year = 365 * 86_400.0;
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FactThatNeeds(Need.FakeTime)]
    public async Task A_wall_clock_that_is_set_by_a_year_stops_nothing_and_makes_nothing_old()
    {
        SetClock("+0");
        await using Daemon daemon = await Daemon.StartReadyAsync(new Launch
        {
            Published = await program.FileAsync(),
            Environment =
            {
                ["LD_PRELOAD"] = Need.FakeTimeLibrary,
                ["FAKETIME_TIMESTAMP_FILE"] = directory["clock"],
                ["FAKETIME_NO_CACHE"] = "1",
                ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
            },
        });

        await Eventually.Holds(async () => Ahead(await daemon.ScrapeAsync()).ShouldBe(0, 60));
        Page before = await daemon.ScrapeAsync();
        foreach ((string clock, double ahead) in new[] { ("+1y", Year), ("-1y", -Year), ("+0", 0) })
        {
            SetClock(clock);
            await Eventually.Holds(async () =>
            {
                Page page = await daemon.ScrapeAsync();
                page.Names.Order().ShouldBe(before.Names.Except(Page.OfTheMoment).Union(page.Names.Intersect(Page.OfTheMoment)).Order(), "nothing is too old to be shown, at no time");
                foreach (string collector in page.Collectors)
                {
                    page.Outcome(collector).ShouldBe(before.Outcome(collector), collector);
                    page["conn_collector_duration_seconds", ("collector", collector)].ShouldBeInRange(0, 60);
                }

                Ahead(page).ShouldBe(ahead, 2 * 86_400, "a sample by the new clock");
            });

            // And the samples go on at their pace: not before their time, and not a year later.
            double first = Time(await daemon.ScrapeAsync());
            await Eventually.Holds(async () => Time(await daemon.ScrapeAsync()).ShouldBeInRange(first + 2, first + 10));
        }

        (await daemon.EndByAsync(LibC.SigTerm)).ExitCode.ShouldBe(0);
    }

    private static double Time(Page page) => page["conn_collector_last_success_timestamp_seconds", ("collector", "counters")];

    private static double Ahead(Page page) => Time(page) - (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;

    private void SetClock(string offset) => directory.Write("clock", offset + "\n");
}
