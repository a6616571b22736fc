using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class DescriptorsCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public DescriptorsCollectorTests() => bench.Use(kernel => new DescriptorsCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Fact]
    public void Open_files_stand_beside_both_limits()
    {
        bench.Write("sys/fs/file-nr", "1984\t0\t9223372036854775807\n");
        bench.Write("sys/fs/nr_open", "1048576\n");

        MetricsText page = bench.Collect();

        page["conn_file_descriptors"].ShouldBe("1984");
        page["conn_file_descriptors_limit"].ShouldBe("9.223372036854776e+18");
        page["conn_file_descriptors_process_limit"].ShouldBe("1048576");
    }

    [Fact]
    public void A_limit_that_is_not_there_is_left_out()
    {
        bench.Write("sys/fs/file-nr", "1984\t0\t5000\n");

        bench.Collect().Series.Count.ShouldBe(2);
    }

    [Fact]
    public void Without_a_count_there_is_no_reading() => bench.Fail().Kind.ShouldBe(FailureKind.Absent);
}
