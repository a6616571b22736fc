using ConnExporter.Hosting;

namespace ConnExporter.Tests.Hosting;

/// <summary>That a process without the thread ends all the same is shown where mmap fails at the start: only the runtime can be without one.</summary>
public sealed class EndingTests
{
    [Fact]
    public void Where_the_runtime_can_end_the_process_it_is_left_to_it()
    {
        Ending.FinalizersRun().ShouldBeTrue();
        Ending.With(ExitCode.AccessFiles).ShouldBe(ExitCode.AccessFiles);
    }
}
