using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class AcceptQueueOverflowingTests
{
    private static readonly AcceptQueueOverflowing Rule = new();
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong() => bench.Judge(Rule).ShouldBeNull();

    [Fact]
    public void A_long_queue_that_is_not_full_is_none_of_its_business()
    {
        bench.Listening(Row(queue: 128, limit: 128)).Count("ListenOverflows", 7);

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void One_look_at_a_queue_over_its_limit_is_enough()
    {
        bench.Listening(Row(queue: 129, limit: 128)).Count("ListenOverflows", 7);
        bench.Census = ObservationBench.CensusOf(listeners: [new("0.0.0.0", "443", "web.service", "nginx", 0, 10, 0, 0, new Owner("nginx", "web.service", 812, 100))]);

        Verdict? verdict = bench.Judge(Rule);

        verdict.Text(Rule).ShouldContain("0.0.0.0:443: 129 wait to be accepted, the limit is 128");
        verdict!.Severity.ShouldBe(Severity.Warning);
        verdict.Instance.ShouldBe("0.0.0.0:443");
        verdict.Holders.ShouldHaveSingleItem().ProcessId.ShouldBe(812);
        verdict.Holders[0].StartedAt.ShouldBe(ObservationBench.BootTime + Second);
        verdict.Commands().ShouldBe(["sysctl -w net.core.somaxconn=4096", "systemctl reload web.service"]);
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(4096, true)]
    [InlineData(511, false)]
    public void A_limit_that_is_the_default_of_somaxconn_was_probably_cut_off(int limit, bool cut)
    {
        bench.Listening(Row(queue: (ulong)limit + 1, limit: (ulong)limit));

        bench.Judge(Rule).Text(Rule).Contains("is what net.core.somaxconn is by default", StringComparison.Ordinal).ShouldBe(cut);
    }

    [Fact]
    public void Overflows_name_the_listener_whose_drops_rose()
    {
        bench.Listening(Row(port: "80", drops: 50), Row(port: "443", drops: 3)).Count("ListenOverflows", 100).Look();
        bench.Pass(30 * Second).Listening(Row(port: "80", drops: 50), Row(port: "443", drops: 12)).Count("ListenOverflows", 109);

        Verdict? verdict = bench.Judge(Rule);

        verdict.Text(Rule).ShouldContain("9 connection attempts were turned away in 30 s");
        verdict!.Instance.ShouldBe("0.0.0.0:443");
        verdict.Severity.ShouldBe(Severity.Warning);
    }

    [Fact]
    public void Drops_that_are_no_overflows_are_not_its_business()
    {
        bench.Listening(Row(drops: 3)).Count("ListenOverflows", 100).Look();
        bench.Pass(30 * Second).Listening(Row(drops: 12));

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void More_than_one_a_second_for_a_minute_is_critical()
    {
        bench.Listening(Row(drops: 0)).Count("ListenOverflows", 0).Look();
        bench.Pass(60 * Second).Listening(Row(drops: 61)).Count("ListenOverflows", 61);

        bench.Judge(Rule)!.Severity.ShouldBe(Severity.Critical);
    }

    [Fact]
    public void Overflows_of_a_listener_that_is_gone_are_the_hosts()
    {
        bench.Listening(Row()).Count("ListenOverflows", 0).Look();
        bench.Pass(Second).Listening(Row(port: "80")).Count("ListenOverflows", 5);

        Verdict? verdict = bench.Judge(Rule);

        verdict.Text(Rule).ShouldContain("closed by now");
        verdict!.Instance.ShouldBe("host");
    }

    [Fact]
    public void Overflows_before_the_window_are_forgotten()
    {
        bench.Listening(Row()).Count("ListenOverflows", 0).Look();
        bench.Pass(Second).Listening(Row(drops: 9)).Count("ListenOverflows", 9).Look();
        for (int i = 0; i < 14; i++)
        {
            bench.Pass(5 * Second).Look();
        }

        bench.Judge(Rule, Severity.Warning).ShouldBeNull();
    }

    [Theory]
    [InlineData("web.service", "systemctl reload web.service")]
    [InlineData(@"foo\x2dbar.service", @"systemctl reload 'foo\x2dbar.service'")]
    [InlineData("-x.service", "systemctl reload -- -x.service")]
    [InlineData("$(reboot).service", null)]
    [InlineData("my app.service", null)]
    [InlineData("user@1000.service/web.service", null)]
    [InlineData("docker-0123456789ab", null)]
    [InlineData("pod shop/web-0/nginx", null)]
    [InlineData("pod shop/nginx.service", null)]
    [InlineData("pod 0d1c1f0a-52b1/cri-containerd-0123456789ab", null)]
    public void Only_a_service_of_the_hosts_manager_is_reloaded_by_its_exact_name(string unit, string? reload)
    {
        bench.Listening(Row(queue: 129, limit: 128));
        bench.Census = ObservationBench.CensusOf(listeners: [new("0.0.0.0", "443", unit, "nginx", 0, 10, 0, 0, Owner: null)]);

        Verdict? verdict = bench.Judge(Rule);

        verdict.Commands().Where(command => !command.StartsWith("sysctl", StringComparison.Ordinal)).ShouldBe(reload is null ? [] : [reload]);
        verdict.Text(Rule).Contains("no unit of the host's systemd", StringComparison.Ordinal).ShouldBe(reload is null && !unit.StartsWith("user@", StringComparison.Ordinal));
        verdict.Text(Rule).Contains("user manager", StringComparison.Ordinal).ShouldBe(unit.StartsWith("user@", StringComparison.Ordinal));
    }

    private static ListenersReading.Row Row(string port = "443", ulong queue = 0, ulong limit = 511, ulong? drops = 0) => new("0.0.0.0", port, queue, limit, queue, drops);
}
