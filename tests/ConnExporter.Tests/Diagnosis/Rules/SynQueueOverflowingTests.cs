using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class SynQueueOverflowingTests
{
    private static readonly SynQueueOverflowing Rule = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong() => bench.Judge(Rule).ShouldBeNull();

    [Fact]
    public void Cookies_for_a_full_queue_are_a_warning_however_many()
    {
        Rise("TCPReqQFullDoCookies", 5000);

        Verdict? verdict = bench.Judge(Rule);

        verdict!.Severity.ShouldBe(Severity.Warning);
        verdict.Text(Rule).ShouldContain("5,000 SYNs were answered with a cookie");
        verdict.Instance.ShouldBe("10.0.0.1:443");
        verdict.Text(Rule).ShouldContain("90 handshakes under way, the limit is 64");
        verdict.Commands().ShouldNotContain("sysctl -w net.ipv4.tcp_syncookies=1", "they are on");
    }

    [Fact]
    public void Drops_are_critical_when_there_is_more_than_one_a_second()
    {
        Rise("TCPReqQFullDrop", 20);
        bench.Judge(Rule)!.Severity.ShouldBe(Severity.Warning);

        Rise("TCPReqQFullDrop", 200);
        Verdict? verdict = bench.Judge(Rule);
        verdict!.Severity.ShouldBe(Severity.Critical);
        verdict.Commands().ShouldContain("sysctl -w net.ipv4.tcp_syncookies=1");
        verdict.Text(Rule).ShouldContain("SYNs were dropped");
    }

    [Fact]
    public void A_flood_or_a_full_accept_queue_brings_it_about() => Rule.Causes.ShouldBe(["syn_flood_suspected", "accept_queue_overflowing"]);

    private void Rise(string counter, ulong count)
    {
        bench.Census = ObservationBench.CensusOf(listeners: [new("10.0.0.1", "443", "web.service", "nginx", 90, 10, 0, 0, Owner: null)]);
        bench.Listening(new ListenersReading.Row("10.0.0.1", "443", 0, 64, 0, 0)).Count(counter, 0).Look();
        bench.Pass(TimeSpan.FromSeconds(60)).Count(counter, count);
    }
}
