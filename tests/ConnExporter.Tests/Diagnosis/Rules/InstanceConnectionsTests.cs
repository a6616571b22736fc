using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class InstanceConnectionsTests
{
    private readonly InstanceConnectionsExhausting rule = new();

    [Theory]
    [InlineData(960ul, "critical")]
    [InlineData(850ul, "warning")]
    [InlineData(500ul, null)]
    public void Tracked_flows_count_against_the_limit(ulong tracked, string? severity)
    {
        ObservationBench bench = new ObservationBench { Thresholds = new Thresholds { ConnectionLimit = 1000 } }.Tracked(tracked);

        Verdict? verdict = bench.Judge(rule);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(rule, verdict.Severity).Facts().ShouldContain("instance_connections_tracked");
    }

    [Fact]
    public void Where_nothing_is_tracked_sockets_with_a_peer_do()
    {
        ObservationBench bench = new ObservationBench { Thresholds = new Thresholds { ConnectionLimit = 1000 }, Udp = ObservationBench.UdpOf() }
            .Sockets((TcpState.Established, 900), (TcpState.TimeWait, 60), (TcpState.Listen, 500));

        Verdict verdict = bench.Judge(rule).ShouldNotBeNull();

        verdict.BeSound(rule, Severity.Critical).Facts().ShouldContain("instance_connections_sockets");
        verdict.Evidence[0].Values.Single(value => value.Name == "used").Value.ShouldBe(960ul);
    }

    [Fact]
    public void Growth_that_lasts_is_a_forecast()
    {
        ObservationBench bench = new() { Thresholds = new Thresholds { ConnectionLimit = 100_000 } };
        for (ulong i = 0; i < 120; i++)
        {
            bench.Pass(TimeSpan.FromSeconds(5)).Tracked(10_000 + (i * 400)).Look();
        }

        bench.Judge(rule).ShouldNotBeNull().Facts().ShouldContain("forecast");
    }

    [Fact]
    public void Without_a_limit_none_is_presumed() => new ObservationBench().Tracked(1_000_000).Judge(rule).ShouldBeNull();
}
