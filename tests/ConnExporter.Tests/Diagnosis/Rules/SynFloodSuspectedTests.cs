using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class SynFloodSuspectedTests
{
    private static readonly SynFloodSuspected Rule = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong() => bench.Judge(Rule).ShouldBeNull();

    [Fact]
    public void Many_handshakes_that_are_being_answered_are_a_busy_service()
    {
        Handshakes(5000, unanswered: 99);

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void Many_that_nobody_answers_look_like_a_flood()
    {
        Handshakes(5000, unanswered: 4000);

        Verdict? verdict = bench.Judge(Rule);

        verdict.Text(Rule).ShouldContain("5,000 handshakes under way, of which 4,000");
        verdict!.Instance.ShouldBe("10.0.0.1:443");
        verdict.Severity.ShouldBe(Severity.Warning);
        verdict.Commands().ShouldContain(command => command.Contains("tcp dport 443", StringComparison.Ordinal));
    }

    [Fact]
    public void A_queue_that_is_too_short_shows_it_by_cookies_that_do_not_come_back()
    {
        Handshakes(8, unanswered: 4);
        Cookies(sent: 0, received: 0);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(30));
        Cookies(sent: 900, received: 20);

        bench.Judge(Rule).Text(Rule).ShouldContain("900 cookies were sent in 30 s, 20 came back");
    }

    [Fact]
    public void Cookies_that_come_back_are_a_burst_of_clients()
    {
        Cookies(sent: 0, received: 0);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(30));
        Cookies(sent: 900, received: 780);

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void SYNs_that_are_dropped_make_it_critical()
    {
        Handshakes(500, unanswered: 400);
        bench.Count("TCPReqQFullDrop", 0).Look();
        bench.Pass(TimeSpan.FromSeconds(30)).Count("TCPReqQFullDrop", 300);

        bench.Judge(Rule)!.Severity.ShouldBe(Severity.Critical);
    }

    [Fact]
    public void What_holds_ends_below_a_lower_threshold()
    {
        Handshakes(90, unanswered: 90);

        bench.Judge(Rule).ShouldBeNull();
        bench.Judge(Rule, Severity.Warning).ShouldNotBeNull();
    }

    private void Handshakes(ulong count, ulong unanswered) => bench.Census = ObservationBench.CensusOf(
        listeners: [new CensusReading.ListenerRow("10.0.0.1", "443", "web.service", "nginx", count, 10, 0, 0, Owner: null) { Unanswered = unanswered }]);

    private void Cookies(ulong sent, ulong received) => bench.Count("SyncookiesSent", sent).Count("SyncookiesRecv", received).Count("SyncookiesFailed", 0);
}
