using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Probes;
using ConnExporter.Sampling.Holders;
using static ConnExporter.Tests.Diagnosis.ObservationBench;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class EphemeralPortsExhaustingTests
{
    private readonly EphemeralPortsExhausting rule = new();

    [Theory]
    [InlineData(700, 99, 0, null, null)]
    [InlineData(700, 100, 0, null, "warning")]
    [InlineData(400, 400, 100, null, "warning")]
    [InlineData(0, 949, 0, null, "warning")]
    [InlineData(950, 0, 0, null, "critical")]
    [InlineData(750, 0, 0, "warning", "warning")]
    [InlineData(749, 0, 0, "warning", null)]
    [InlineData(900, 0, 0, "critical", "critical")]
    [InlineData(899, 0, 0, "critical", "warning")]
    public void It_holds_by_the_share_of_the_ports_that_are_held_for_good(ulong live, ulong timeWait, ulong reusable, string? held, string? severity) =>
        LabelOf(Judge(live, timeWait, reusable, held)).ShouldBe(severity);

    [Fact]
    public void Ports_that_nobody_can_connect_from_count_for_every_destination() =>
        new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 300, 0, 0)], blocked: 500) }.Range(20000, 20999).Judge(rule)
            .BeSound(rule, Severity.Warning).Facts().ShouldBe(["ports_of_destination", "ports_by_kind", "ports_blocked_too"]);

    [Fact]
    public void What_reuse_gives_back_is_not_used() => Judge(live: 300, timeWait: 0, reusable: 700).ShouldBeNull();

    // What is proven, what is likely besides, what may be besides: the warning goes by the likely, by the possible where nothing is likely, critical by the proven.
    [Theory]
    [InlineData(300, 499, 499, null)]
    [InlineData(300, 700, 499, null)]
    [InlineData(300, 700, 500, "warning")]
    [InlineData(300, 700, 700, "warning")]
    [InlineData(300, 649, null, null)]
    [InlineData(300, 650, null, "warning")]
    [InlineData(950, 50, 0, "critical")]
    public void What_is_not_proven_is_a_warning_at_most(ulong live, ulong mayBeBound, int? likely, string? severity)
    {
        Verdict? verdict = JudgeRow(new("10.0.0.1", "10.0.0.9", "443", live, 0, 0) { MayBeBound = mayBeBound, LikelyBound = (ulong?)likely });

        LabelOf(verdict).ShouldBe(severity);
        verdict?.IsUnproven.ShouldBe(severity == "warning");
    }

    [Fact]
    public void What_the_kernel_says_of_a_destination_is_proven()
    {
        JudgeRow(new("10.0.0.1", "10.0.0.9", "443", 100, 0, 0) { BoundElsewhere = 900, Room = PortAnswer.None }).ShouldNotBeNull().ShouldSatisfyAllConditions(
            verdict => verdict.Severity.ShouldBe(Severity.Critical),
            verdict => verdict.Facts().ShouldBe(["ports_of_destination", "ports_by_kind", "ports_refused", "ports_none_left"]));
        JudgeRow(new("10.0.0.1", "10.0.0.9", "443", 100, 0, 0) { BoundElsewhere = 720, MayBeBound = 100, LikelyBound = 100, Room = PortAnswer.Found }).ShouldNotBeNull().ShouldSatisfyAllConditions(
            verdict => verdict.Severity.ShouldBe(Severity.Warning),
            verdict => verdict.Facts().ShouldBe(["ports_of_destination", "ports_by_kind", "ports_refused", "ports_possibly_taken", "ports_likely_taken", "ports_some_left"]));
    }

    // The first that failed says what a share only lets fear; that enough may be taken says where.
    [Theory]
    [InlineData(850, 0, "443", "critical")]
    [InlineData(300, 550, "443", "critical")]
    [InlineData(850, 0, "80", "warning")]
    [InlineData(700, 0, "443", null)]
    public void One_connect_that_failed_for_want_of_a_port_is_proof(ulong live, ulong mayBeBound, string port, string? severity)
    {
        var bench = new ObservationBench
        {
            Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", live, 0, 0) { MayBeBound = mayBeBound, LikelyBound = 0 }]),
            Symptoms = SymptomsOf([("checkout", "shop.service", 1), ("cron", "none", 7)], port, 1),
        };

        Verdict? verdict = bench.Range(20000, 20999).Judge(rule);

        LabelOf(verdict).ShouldBe(severity);
        if (severity == "critical")
        {
            verdict.BeSound(rule, Severity.Critical).Facts().ShouldBe(["ports_of_destination", "connects_without_port", "connects_without_port_of", "ports_by_kind", .. mayBeBound > 0 ? ["ports_possibly_taken", "ports_likely_taken"] : Array.Empty<string>()]);
            verdict!.IsUnproven.ShouldBeFalse();
            verdict.Evidence[2].Values.ShouldContain(("holder", (object)"cron"));
        }
        else
        {
            verdict?.Facts().ShouldNotContain("connects_without_port");
        }
    }

    [Theory]
    [InlineData("x   $ reboot", "none", @"x\x20\x20\x20$\x20reboot")]
    [InlineData("cron", "my $(reboot).service", @"cron of my\x20$(reboot).service")]
    [InlineData("cron\n$ reboot", "none", @"cron\n$\x20reboot")]
    public void Whose_connects_failed_is_one_word(string process, string unit, string holder)
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 850, 0, 0)]), Symptoms = SymptomsOf([(process, unit, 1)], "443", 1) };

        bench.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Critical).Evidence[2].Values.ShouldContain(("holder", (object)holder));
    }

    [Fact]
    public void What_failed_before_the_window_is_no_proof_any_more()
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 850, 0, 0)]), Symptoms = SymptomsOf([("checkout", "shop.service", 5)], "443", 5) };
        bench.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Critical);

        bench.Pass(bench.Thresholds.DropWindow + TimeSpan.FromSeconds(30)).Judge(rule).BeSound(rule, Severity.Warning);
        bench.Symptoms = SymptomsOf([("checkout", "shop.service", 6)], "443", 6);
        bench.Pass(TimeSpan.FromSeconds(5)).Judge(rule).BeSound(rule, Severity.Critical);
    }

    [Fact]
    public void TIME_WAIT_without_a_sign_of_timestamps_may_hold_its_ports_until_connect_is_seen_to_take_some_over()
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 100, 0, 0) { UnprovenTimeWait = 890 }]) };
        bench.Range(20000, 20999).Count("TWRecycled", 5).Judge(rule).BeSound(rule, Severity.Warning).Facts().ShouldContain("time_wait_unproven");

        bench.Pass(TimeSpan.FromSeconds(1)).Count("TWRecycled", 25).Judge(rule).ShouldBeNull("it is the only one that they can be of");
    }

    // Only the first and the last port of such a range can be the one: where neither may be free nothing is passed over.
    [Theory]
    [InlineData(100, true, PortAnswer.Unknown, 101)]
    [InlineData(100, false, PortAnswer.Unknown, 100)]
    [InlineData(998, true, PortAnswer.Unknown, 999)]
    [InlineData(998, true, PortAnswer.Found, 998)]
    [InlineData(998, false, PortAnswer.Found, 998)]
    public void Of_a_range_with_an_odd_number_of_ports_connect_may_pass_over_a_free_end(ulong live, bool mayPassOver, PortAnswer room, double possible) =>
        new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", live, 0, 0) { MayPassOver = mayPassOver, Room = room }]) }.Range(20000, 20998).Look()
            .Resources.Single().Worst.ShouldSatisfyAllConditions(worst => worst.Used.ShouldBe(live), worst => worst.Possible.ShouldBe(possible));

    [Fact]
    public void Without_a_census_or_the_range_nothing_is_said()
    {
        new ObservationBench().Range(20000, 20999).Judge(rule).ShouldBeNull();
        new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 990, 0, 0)]) }.Judge(rule).ShouldBeNull();
    }

    [Fact]
    public void It_names_who_was_seen_to_connect_there()
    {
        var bench = new ObservationBench
        {
            Census = CensusOf(
                [new("10.0.0.1", "10.0.0.9", "443", 850, 0, 0), new("10.0.0.1", "10.0.0.8", "80", 10, 0, 0)],
                sightings: [new("10.0.0.9", "443", "shop.service", "shop", 5, new Owner("shop", "shop.service", 4711, 100)), new("10.0.0.8", "80", "none", "curl", 9, null)]),
        };

        Verdict verdict = bench.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Warning);

        verdict.Instance.ShouldBe("10.0.0.9:443 from 10.0.0.1");
        verdict.Holders.Single().ShouldSatisfyAllConditions(
            holder => holder.Label.ShouldBe("shop.service"), holder => holder.ProcessId.ShouldBe(4711), holder => holder.StartedAt.ShouldBe(BootTime.AddSeconds(1)));
    }

    [Fact]
    public void Wider_is_10000_to_65535_with_the_listening_ports_reserved_besides_what_is_reserved_already()
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 850, 0, 0)], listeners: [new("*", "9500", "none", "x", 0, 0, 0, 0, null)]) };

        Verdict verdict = bench.Range(20000, 20999, "8080,30000-30009").Listening(new("*", "443", 0, 128, 0, 0), new("*", "12000", 0, 128, 0, 0), new("[::]", "12001", 0, 128, 0, 0))
            .Judge(rule).BeSound(rule, Severity.Warning);

        verdict.Remedy("widen_port_range").ShouldSatisfyAllConditions(
            remedy => remedy.Kind.ShouldBe(RemedyKind.Room),
            remedy => remedy.CommandLines.ShouldBe([
                "sysctl -w net.ipv4.ip_local_reserved_ports=8080,9500,12000-12001,30000-30009",
                "sysctl -w net.ipv4.ip_local_port_range='10000 65535'",
            ]),
            remedy => remedy.Values.ShouldContain(("usable", (object)(55_536ul - 12))));
    }

    [Theory]
    [InlineData("pod shop/web-0/nginx")]
    [InlineData("pod 0d1c1f0a-52b1/cri-containerd-0123456789ab")]
    public void Where_there_are_pods_the_NodePorts_are_reserved_too(string unit)
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", 850, 0, 0)], listeners: [new("*", "9500", unit, "x", 0, 0, 0, 0, null)]) };

        bench.Range(20000, 20999, "").Judge(rule).BeSound(rule, Severity.Warning).Remedy("widen_port_range").CommandLines[0].ShouldBe("sysctl -w net.ipv4.ip_local_reserved_ports=9500,30000-32767");
    }

    [Theory]
    [InlineData(32768, 60999, "10000 65535")]
    [InlineData(10000, 60999, "10000 65535")]
    [InlineData(10000, 65535, "1024 65535")]
    [InlineData(4001, 60999, "4000 65535")]
    [InlineData(512, 32000, "1024 65535")]
    [InlineData(1024, 65535, null)]
    public void A_range_is_never_narrowed_and_ends_differ_in_parity(ushort first, ushort last, string? wider)
    {
        ulong all = (ulong)(last - first + 1);
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", all * 9 / 10, 0, 0)]) };

        Verdict verdict = bench.Range(first, last).Judge(rule).BeSound(rule, Severity.Warning);

        verdict.Remedies.SelectMany(remedy => remedy.CommandLines).SingleOrDefault(command => command.Contains("ip_local_port_range", StringComparison.Ordinal))
            .ShouldBe(wider is null ? null : $"sysctl -w net.ipv4.ip_local_port_range='{wider}'");
    }

    [Fact]
    public void In_an_emergency_the_sockets_of_this_destination_in_TIME_WAIT_can_be_removed_and_no_others()
    {
        Verdict verdict = Judge(live: 10, timeWait: 985).BeSound(rule, Severity.Critical);

        verdict.Remedies.Take(2).Select(remedy => (remedy.Key, remedy.Kind)).ShouldBe([("widen_port_range", RemedyKind.Grace), ("kill_time_wait", RemedyKind.Grace)]);
        verdict.Remedy("kill_time_wait").CommandLines.ShouldBe(["ss -K -t state time-wait src 10.0.0.1 dst 10.0.0.9:443"]);
        verdict.Remedy("reuse_time_wait").CommandLines.ShouldBe(["sysctl -w net.ipv4.tcp_timestamps=1", "sysctl -w net.ipv4.tcp_tw_reuse=1"]);
        Judge(live: 985, timeWait: 10)!.Remedies.ShouldNotContain(remedy => remedy.Key == "kill_time_wait" || remedy.Key == "reuse_time_wait", "there is nothing in it");
    }

    [Fact]
    public void IPv6_addresses_stand_in_brackets()
    {
        var bench = new ObservationBench { Census = CensusOf([new("fd99::1", "fd99::9", "443", 0, 999, 0)]) };

        bench.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Critical).Remedy("kill_time_wait").CommandLines.ShouldBe(["ss -K -t state time-wait src '[fd99::1]' dst '[fd99::9]:443'"]);
    }

    [Fact]
    public void What_a_remedy_buys_is_told_by_the_growth()
    {
        var bench = new ObservationBench();
        bench.Range(20000, 29999);
        for (ulong live = 4000; live <= 6000; live += 100)
        {
            bench.Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", live, 0, 0)]);
            bench.Look();
            bench.Pass(TimeSpan.FromSeconds(15));
        }

        Verdict verdict = bench.Judge(rule).BeSound(rule, Severity.Warning);

        verdict.Facts().ShouldContain("forecast");
        double growth = 100 / 15.0;
        verdict.Remedy("widen_port_range").Buys!.Value.TotalSeconds.ShouldBe((55_536 - 10_000) / growth, 300);
        verdict.Remedy("more_addresses").Buys!.Value.TotalSeconds.ShouldBe(10_000 / growth, 60);
    }

    // The old way: a new client for each request, thousands of connections a minute to one service, all in TIME_WAIT.
    [Fact]
    public void A_client_that_opens_a_new_client_for_each_request_runs_out_of_ports()
    {
        var bench = new ObservationBench { Census = CensusOf([new("172.16.0.5", "172.16.0.20", "8080", 140, 27_900, 0)], sightings: [new("172.16.0.20", "8080", "orders.service", "java", 5, null)]) };

        Verdict verdict = bench.Range(32768, 60999).Judge(rule).BeSound(rule, Severity.Critical);

        verdict.Holders.Single().Label.ShouldBe("orders.service");
        verdict.Remedies.Where(remedy => remedy.Kind != RemedyKind.Grace).First().Key.ShouldBe("reuse_connections");
    }

    private Verdict? JudgeRow(ConnExporter.Sampling.Collectors.CensusReading.DestinationRow row)
    {
        Verdict? verdict = new ObservationBench { Census = CensusOf([row]) }.Range(20000, 20999).Judge(rule);
        return verdict?.BeSound(rule, verdict.Severity);
    }

    private Verdict? Judge(ulong live, ulong timeWait = 0, ulong reusable = 0, string? held = null)
    {
        var bench = new ObservationBench { Census = CensusOf([new("10.0.0.1", "10.0.0.9", "443", live, timeWait, reusable)]) };
        Verdict? verdict = bench.Range(20000, 20999).Judge(rule, Held(held));
        return verdict?.BeSound(rule, verdict.Severity);
    }
}
