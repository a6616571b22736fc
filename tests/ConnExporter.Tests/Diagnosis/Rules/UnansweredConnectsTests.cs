using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>Connects without an answer: towards few destinations they pile up, towards very many it is a scan.</summary>
public class UnansweredConnectsTests
{
    private static readonly SynSentPileup Pileup = new();
    private static readonly OutboundScanSuspected Scan = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong()
    {
        bench.Judge(Pileup).ShouldBeNull();
        bench.Judge(Scan).ShouldBeNull();
    }

    [Theory]
    [InlineData(99, 1, false, false)]
    [InlineData(100, 1, true, false)]
    [InlineData(100, 49, true, false)]
    [InlineData(60, 60, false, true)]
    [InlineData(5000, 5000, false, true)]
    public void Few_destinations_are_a_pileup_and_very_many_are_a_scan(int sockets, int destinations, bool pileup, bool scan)
    {
        Unanswered(sockets, destinations);

        (bench.Judge(Pileup) is not null).ShouldBe(pileup);
        (bench.Judge(Scan) is not null).ShouldBe(scan);
    }

    [Fact]
    public void A_dead_destination_beside_a_scan_is_shown_too()
    {
        bench.Census = ObservationBench.CensusOf(unanswered: new(400, 200, [new("10.0.0.9", "5432", 201)]));

        bench.Judge(Pileup)!.Instance.ShouldBe("10.0.0.9:5432");
        bench.Judge(Scan).ShouldNotBeNull();
    }

    [Fact]
    public void A_pileup_names_the_destination_and_who_waits()
    {
        Unanswered(150, 2);

        Verdict? verdict = bench.Judge(Pileup);

        verdict.Text(Pileup).ShouldContain("150 connections had to send their SYN again, towards 2 destinations");
        verdict.Text(Pileup).ShouldContain("python3 (pid 99) has 140 in SYN_SENT");
        verdict!.Severity.ShouldBe(Severity.Warning);
        verdict.Instance.ShouldBe("[2001:db8::9]:443");
        verdict.Holders[0].ProcessId.ShouldBe(99);
        verdict.Commands().ShouldBe(["ss -tnpo state syn-sent >>~/syn-sent.txt", "ss -K -t state syn-sent dst '[2001:db8::9]:443'", "sysctl -w net.ipv4.tcp_syn_retries=3", "ip route get 2001:db8::9"]);
    }

    [Fact]
    public void A_scan_names_who_does_it()
    {
        Unanswered(60, 60);

        Verdict? verdict = bench.Judge(Scan);

        verdict.Text(Scan).ShouldContain("60 different destinations do not answer 60 connections");
        verdict!.Instance.ShouldBe("python3");
        verdict.Commands().ShouldContain("kill -STOP 99");
    }

    [Fact]
    public void What_holds_ends_below_a_lower_threshold()
    {
        Unanswered(85, 1);
        bench.Judge(Pileup).ShouldBeNull();
        bench.Judge(Pileup, Severity.Warning).ShouldNotBeNull();

        Unanswered(45, 45);
        bench.Judge(Scan).ShouldBeNull();
        bench.Judge(Scan, Severity.Warning).ShouldNotBeNull();
    }

    private void Unanswered(int sockets, int destinations) => bench.Census = ObservationBench.CensusOf(
        unanswered: new((ulong)sockets, destinations, [new("2001:db8::9", "443", (ulong)(sockets / destinations) + (destinations == 2 ? 10ul : 0))]),
        holders: [new CensusReading.HolderRow(HeldSockets.SynSent, new Owner("python3", "none", 99, 1), 140, Oldest: null)]);
}
