using System.Collections.Immutable;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class UdpRulesTests
{
    private static readonly Owner Tunnel = new("sing-box", "tunnel.service", Pid: 4711, StartTicks: 100);
    private readonly UdpPortsExhausting ports = new();
    private readonly UdpReceiveBufferOverflowing buffers = new();
    private readonly ObservationBench bench = new();

    [Theory]
    [InlineData(1000, "critical")]
    [InlineData(960, "critical")]
    [InlineData(820, "warning")]
    [InlineData(700, null)]
    public void The_share_of_the_usable_ports_tells(int used, string? severity)
    {
        bench.Range(20000, 20999).Udp = ObservationBench.UdpOf(
            [new("0.0.0.0", used, used), new("192.0.2.1", used, used)],
            destinations: [new("1.1.1.1", "53", (ulong)used)],
            holders: [new(Tunnel, (ulong)used)]);

        Verdict? verdict = bench.Judge(ports);

        LabelOf(verdict).ShouldBe(severity);
        if (verdict is not null)
        {
            verdict.BeSound(ports, verdict.Severity);
            verdict.Instance.ShouldBe("0.0.0.0");
            (verdict.Holders[0].Name, verdict.Holders[0].ProcessId, verdict.Holders[0].Count).ShouldBe(("sing-box", 4711, (ulong)used));
            verdict.Evidence.Select(fact => fact.Key).ShouldContain("udp_sockets_to_destination");
        }
    }

    [Fact]
    public void Where_no_process_is_known_the_unit_is_named()
    {
        bench.Range(20000, 20999).Udp = ObservationBench.UdpOf([new("0.0.0.0", 990, 990)], units: [new("tunnel.service", 990)]);

        bench.Judge(ports)!.Holders.Single().Unit.ShouldBe("tunnel.service");
    }

    [Fact]
    public void Without_the_limit_nothing_is_claimed()
    {
        bench.Range(20000, 20999).Udp = ObservationBench.UdpOf([new("0.0.0.0", 990, 990)], usable: null);

        bench.Judge(ports).ShouldBeNull();
    }

    [Fact]
    public void Ports_that_IPv6_may_have_taken_from_IPv4_are_no_proof()
    {
        bench.Range(20000, 20999).Udp = ObservationBench.UdpOf([new("0.0.0.0", 0, 990), new("::", 990, 990)]);

        bench.Judge(ports)!.Instance.ShouldBe("::");
    }

    [Theory]
    [InlineData(200_000, 212_992ul, "warning")]
    [InlineData(0, 212_992ul, "info")]
    public void A_full_buffer_says_that_nobody_reads_and_an_empty_one_that_a_burst_was_too_large(int queue, ulong limit, string severity)
    {
        Verdict verdict = Dropping(errors: 50, drops: 50, queue, limit).ShouldNotBeNull();

        LabelOf(verdict).ShouldBe(severity);
        verdict.BeSound(buffers, verdict.Severity);
        verdict.Instance.ShouldBe("0.0.0.0:514");
        verdict.Holders.Single().ProcessId.ShouldBe(4711);
    }

    [Fact]
    public void Drops_of_a_socket_without_the_kernels_counter_are_wrong_checksums() => Dropping(errors: 0, drops: 50, 200_000, 212_992).ShouldBeNull();

    [Fact]
    public void Losses_of_a_socket_that_is_gone_are_told_of_nobody()
    {
        Verdict verdict = Dropping(errors: 50, drops: 0, 0, 212_992).ShouldNotBeNull();

        (LabelOf(verdict), verdict.Holders.Length).ShouldBe(("info", 0));
        verdict.Evidence[^1].Key.ShouldBe("udp_receiver_unknown");
    }

    [Theory]
    [InlineData(true, 0, "0.0.0.0:514")]
    [InlineData(false, 0, "host")]
    public void The_first_drops_of_a_socket_are_its_own_where_an_earlier_walk_saw_none(bool hasDroppedSince, int holders, string instance)
    {
        ImmutableArray<UdpReading.ReceiverRow> rows = [new("0.0.0.0", "514", 0, 212_992, 0, 20, Tunnel.Unit, null) { HasDroppedSince = hasDroppedSince }];
        bench.Udp = ObservationBench.UdpOf();
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(15)).Udp = ObservationBench.UdpOf(receivers: rows, receiveErrors: 20);

        Verdict verdict = bench.Judge(buffers)!;

        verdict.Instance.ShouldBe(instance);
        verdict.Evidence[^1].Key.ShouldBe(hasDroppedSince ? "udp_receiver_too_small" : "udp_receiver_unknown");
        verdict.Holders.Length.ShouldBeGreaterThanOrEqualTo(holders);
    }

    [Fact]
    public void A_range_without_a_port_is_no_matter_of_udp()
    {
        bench.Range(20000, 20009).Udp = ObservationBench.UdpOf([new("0.0.0.0", 0, 0)], usable: 0);

        bench.Judge(ports).ShouldBeNull();
    }

    private Verdict? Dropping(ulong errors, ulong drops, int queue, ulong limit)
    {
        bench.Udp = Reading(10, 5);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(15)).Udp = Reading(10 + errors, 5 + drops);
        return bench.Judge(buffers);

        UdpReading Reading(ulong counted, ulong dropped)
        {
            ImmutableArray<UdpReading.ReceiverRow> rows = [new("0.0.0.0", "514", (ulong)queue, limit, 0, dropped, Tunnel.Unit, Tunnel)];
            return ObservationBench.UdpOf([new UdpPortUse("0.0.0.0", 0, 0)], receivers: rows, receiveErrors: counted);
        }
    }
}
