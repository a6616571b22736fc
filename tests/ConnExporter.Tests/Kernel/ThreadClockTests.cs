using ConnExporter.Kernel;

namespace ConnExporter.Tests.Kernel;

public class ThreadClockTests
{
    [Fact]
    public void Only_work_of_this_thread_makes_the_clock_advance()
    {
        TimeSpan start = ThreadClock.CpuTime();

        SpinWait.SpinUntil(() => ThreadClock.CpuTime() - start > TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(20)).ShouldBeTrue();
        TimeSpan worked = ThreadClock.CpuTime();
        Thread.Sleep(100);

        (ThreadClock.CpuTime() - worked).ShouldBeLessThan(TimeSpan.FromMilliseconds(50));
    }
}
