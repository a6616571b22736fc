using ConnExporter.Kernel;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Collectors;

public sealed class PortsCollectorTests : IDisposable
{
    private readonly CollectorBench bench = new();

    public PortsCollectorTests() => bench.Use(kernel => new PortsCollector(kernel));

    public void Dispose() => bench.Dispose();

    [Theory]
    [InlineData("32768\t60999\n", "\n", "32768 60999 0 28232")]
    [InlineData("32768\t60999\n", "8080,9000-9099\n", "32768 60999 0 28232")]
    [InlineData("32768\t60999\n", "32760-32769,40000,60999-65535\n", "32768 60999 4 28228")]
    [InlineData("40000\t40000\n", "40000\n", "40000 40000 1 0")]
    [InlineData("1\t65535\n", "\n", "1 65535 0 65535")]
    public void Usable_is_the_range_without_what_is_reserved_of_it(string range, string reserved, string expected)
    {
        bench.Write("sys/net/ipv4/ip_local_port_range", range);
        bench.Write("sys/net/ipv4/ip_local_reserved_ports", reserved);

        MetricsText page = bench.Collect();

        page.Series.Select(series => series.Name).ShouldBe(["conn_ephemeral_port_first", "conn_ephemeral_port_last", "conn_ephemeral_ports_reserved", "conn_ephemeral_ports_usable"]);
        string.Join(' ', page.Series.Select(series => series.Value)).ShouldBe(expected);
    }

    [Fact]
    public void A_range_that_cannot_be_read_gives_no_reading()
    {
        bench.Write("sys/net/ipv4/ip_local_reserved_ports", "\n");
        bench.Fail().Kind.ShouldBe(FailureKind.Absent);

        bench.Write("sys/net/ipv4/ip_local_port_range", "60999\t32768\n");
        bench.Fail().Kind.ShouldBe(FailureKind.Broken);
    }
}
