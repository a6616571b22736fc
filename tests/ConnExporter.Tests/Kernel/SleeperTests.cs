using System.Diagnostics;
using ConnExporter.Kernel;

namespace ConnExporter.Tests.Kernel;

/// <summary>A thread sleeps until its time has come or somebody wakes it, and nobody's wake-up is lost.</summary>
public sealed class SleeperTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);
    private readonly Sleeper sleeper = new();

    [Fact]
    public void It_sleeps_for_as_long_as_it_is_told()
    {
        var clock = Stopwatch.StartNew();
        var pause = TimeSpan.FromMilliseconds(30);
        int sleeps = 0;
        for (; clock.Elapsed < pause; sleeps++)
        {
            sleeper.Sleep(sleeper.Ticket, pause - clock.Elapsed);
        }

        clock.Elapsed.ShouldBeLessThan(Long);
        sleeps.ShouldBeLessThan(100, "it did sleep, and did not only look at the clock");
    }

    // Again and again, so that it is woken before, while and after it falls asleep.
    [Fact]
    public void Somebody_else_wakes_it()
    {
        for (int i = 0; i < 1000; i++)
        {
            int ticket = sleeper.Ticket;
            using var begun = new ManualResetEventSlim();
            var asleep = new Thread(() =>
            {
                begun.Set();
                SleepBy(ticket);
            });
            asleep.Start();
            begun.Wait();

            Thread.SpinWait(i);
            sleeper.Wake();

            asleep.Join(Long / 2).ShouldBeTrue();
        }
    }

    [Fact]
    public void Who_is_woken_before_it_sleeps_does_not_sleep()
    {
        int ticket = sleeper.Ticket;
        sleeper.Wake();
        var clock = Stopwatch.StartNew();

        sleeper.Sleep(ticket, Long);

        clock.Elapsed.ShouldBeLessThan(Long / 2);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Without_time_it_does_not_sleep(double seconds)
    {
        var clock = Stopwatch.StartNew();

        sleeper.Sleep(sleeper.Ticket, TimeSpan.FromSeconds(seconds));

        clock.Elapsed.ShouldBeLessThan(Long / 2);
    }

    // A wait may end early for no reason, so one proves nothing: until the ticket is void.
    private void SleepBy(int ticket)
    {
        while (sleeper.Ticket == ticket)
        {
            sleeper.Sleep(ticket, Long);
        }
    }
}
