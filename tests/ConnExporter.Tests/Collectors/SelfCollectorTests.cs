using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class SelfCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public SelfCollectorTests()
    {
        bench.Write("self/stat", "77 (conn (ex) porter) S 1 77 77 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 12 0 2500 300000000 1024 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n");
        bench.Write("self/limits", "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n");
        bench.Write("stat", "cpu  1 2 3\nbtime 1767323045\n");
        bench.Descriptors(77, 9);
        bench.Use(kernel => new SelfCollector(kernel));
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public void The_usual_process_metrics_are_there_in_base_units()
    {
        MetricsText page = bench.Collect();

        double ticks = SystemClock.TicksPerSecond;
        page["process_cpu_seconds_total"].ShouldBe($"{200 / ticks}");
        page["process_resident_memory_bytes"].ShouldBe($"{1024 * SystemClock.PageSize}");
        page["process_virtual_memory_bytes"].ShouldBe("300000000");
        page["process_open_fds"].ShouldBe("9");
        page["process_max_fds"].ShouldBe("1024");
        page["process_threads"].ShouldBe("12");
        page["process_start_time_seconds"].ShouldBe($"{1767323045 + (2500 / ticks)}");
    }

    [Fact]
    public void The_start_time_stays_when_the_kernel_rounds_the_boot_time_otherwise()
    {
        string? start = bench.Collect()["process_start_time_seconds"];

        bench.Write("stat", "cpu  1 2 3\nbtime 1767323046\n");

        bench.Collect()["process_start_time_seconds"].ShouldBe(start);
    }

    [Fact]
    public void Descriptors_that_cannot_be_counted_are_left_out()
    {
        bench.End(77);

        MetricsText page = bench.Collect();

        page["process_open_fds"].ShouldBeNull();
        page["process_max_fds"].ShouldBe("1024");
    }

    [Theory]
    [InlineData("self/stat", "77 (conn\n")]
    [InlineData("self/limits", "Max processes 1 2 processes\n")]
    [InlineData("stat", "cpu  1 2 3\n")]
    public void A_file_that_holds_something_else_is_refused(string file, string content)
    {
        bench.Write(file, content);

        KernelReadException failure = bench.Fail();
        failure.Kind.ShouldBe(FailureKind.Broken);
        failure.Message.ShouldContain(file);
    }
}
