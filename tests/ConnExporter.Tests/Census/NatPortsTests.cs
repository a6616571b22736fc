using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Census;

public class NatPortsTests
{
    [Fact]
    public void Ten_ports_of_a_rule_that_are_all_taken_are_used_up()
    {
        NatPorts ports = Read(Enumerable.Range(0, 10).Select(i => Translated(client: 40_000 + (i * 7), taken: 20_000 + i)));

        ports.IsExhausted.ShouldBeTrue();
        ports.Worst!.ShouldSatisfyAllConditions(
            worst => worst.Taken.ShouldBe(10), worst => worst.Limit.ShouldBe(10), worst => worst.First.ShouldBe((ushort)20_000), worst => worst.Last.ShouldBe((ushort)20_009),
            worst => worst.Source.ToString().ShouldBe("203.0.113.1"), worst => worst.Destination.ToString().ShouldBe("10.0.0.9"), worst => worst.Port.ShouldBe((ushort)443));
    }

    [Fact]
    public void Half_of_them_towards_each_of_two_destinations_are_not() =>
        Read(Enumerable.Range(0, 20).Select(i => Translated(client: 40_000 + i, taken: 20_000 + i, destination: i % 2 == 0 ? "10.0.0.9" : "10.0.0.8"))).IsExhausted.ShouldBeFalse();

    // Masquerade keeps the port of a client that takes its own in a row.
    [Fact]
    public void Ports_in_a_row_that_NAT_did_not_choose_are_no_range() => Read(Enumerable.Range(0, 100).Select(i => Translated(client: 40_000 + i, taken: 40_000 + i))).IsExhausted.ShouldBeFalse();

    [Theory]
    [InlineData(62_000, true)]
    [InlineData(60_000, false)]
    public void Without_a_range_all_but_the_low_ports_count(int taken, bool isExhausted) => Read(Enumerable.Range(0, taken).Select(i => Translated(client: 1024 + i, taken: 1024 + i))).IsExhausted.ShouldBe(isExhausted);

    [Fact]
    public void A_table_without_translated_sources_has_no_ports_of_NAT()
    {
        NatPorts ports = Read(Enumerable.Repeat("ipv4 2 udp 17 29 src=10.0.0.5 dst=10.96.0.10 sport=40000 dport=53 src=10.0.0.53 dst=10.0.0.5 sport=53 dport=40000 mark=0 use=2", 40));

        ports.ShouldBe(new NatPorts(40, IsWhole: true, Translated: 0, Worst: null));
    }

    [Fact]
    public void It_ends_at_its_bound() => Read(Enumerable.Range(0, 10).Select(i => Translated(client: 40_000, taken: 20_000 + i)), bound: 5).ShouldSatisfyAllConditions(ports => ports.Entries.ShouldBe(5ul), ports => ports.IsWhole.ShouldBeFalse());

    private static string Translated(int client, int taken, string destination = "10.0.0.9") =>
        $"ipv4     2 tcp      6 431999 ESTABLISHED src=10.1.0.1 dst={destination} sport={client} dport=443 src={destination} dst=203.0.113.1 sport=443 dport={taken} [ASSURED] mark=0 use=2";

    private static NatPorts Read(IEnumerable<string> lines, int bound = ConntrackTop.Bound)
    {
        using var folder = new TemporaryDirectory();
        folder.Write("net/nf_conntrack", string.Concat(lines.Select(line => line + "\n")));
        return NatPorts.Read(new KernelSource(new ProcFs(folder.Path), folder.Path, () => throw new InvalidOperationException("not asked")), bound);
    }
}
