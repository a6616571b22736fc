using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>What is reserved before a range is widened.</summary>
public class PortNeedsTests
{
    // Its port is in nobody's way below the range; within it, it would be lost like any other.
    [Theory]
    [InlineData(10_000, new ushort[] { 9100, 20_000 })]
    [InlineData(9050, new ushort[] { 9057, 9100, 20_000 })]
    public void The_port_of_this_program_is_reserved_only_where_the_range_takes_it(int first, ushort[] reserved)
    {
        ObservationBench bench = new ObservationBench().Range(32_768, 60_999);
        bench.Listening(Row("9057"), Row("9100"), Row("20000"));
        bench.Census = ObservationBench.CensusOf(listeners: [Listener("9057", "conn-exporter"), Listener("9100", "node_exporter"), Listener("20000", "shop")]);

        PortNeeds.Of(bench.Look(), new PortRange(9000, 65_535), new PortRange((ushort)first, 65_535))!.Ports.ShouldBe(reserved);
    }

    private static ListenersReading.Row Row(string port) => new("0.0.0.0", port, 0, 128, 0, 0);

    private static CensusReading.ListenerRow Listener(string port, string process) => new("0.0.0.0", port, $"{process}.service", process, 0, 0, 0, 0, Owner: null);
}
