using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel;
using ConnExporter.Sampling.Census;
using static ConnExporter.Tests.Diagnosis.ObservationBench;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class ConntrackRulesTests
{
    private readonly ConntrackExhausting exhausting = new();
    private readonly ConntrackDropping dropping = new();
    private readonly NatPortsExhausting nat = new();
    private readonly ConntrackInsertionsFailing failing = new();

    [Theory]
    [InlineData(79, null, null)]
    [InlineData(80, null, "warning")]
    [InlineData(75, "warning", "warning")]
    [InlineData(74, "warning", null)]
    [InlineData(95, null, "critical")]
    [InlineData(90, "critical", "critical")]
    [InlineData(89, "critical", "warning")]
    public void A_table_is_judged_by_its_share(ulong entries, string? held, string? severity)
    {
        Verdict? verdict = new ObservationBench().Tracked(entries, max: 100, buckets: 64).Judge(exhausting, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(exhausting, verdict.Severity);
    }

    [Fact]
    public void A_maximum_of_0_is_no_limit() => new ObservationBench().Tracked(5_000_000, max: 0).Judge(exhausting).ShouldBeNull();

    [Fact]
    public void Without_a_table_or_its_limit_nothing_is_said()
    {
        foreach (Rule rule in (Rule[])[exhausting, dropping, nat])
        {
            new ObservationBench().Judge(rule).ShouldBeNull(rule.Id);
            Rising(new ObservationBench(), entries: 100, max: null, drops: 50, earlyDrops: 50, insertFailed: 50).Judge(rule).ShouldBeNull(rule.Id);
        }
    }

    [Fact]
    public void A_larger_table_comes_with_its_hash_table_and_its_memory()
    {
        Verdict verdict = new ObservationBench().Tracked(260_000, max: 262_144, buckets: 65_536).Judge(exhausting).BeSound(exhausting, Severity.Critical);

        verdict.Remedies[0].ShouldSatisfyAllConditions(
            remedy => remedy.Kind.ShouldBe(RemedyKind.Grace),
            remedy => remedy.CommandLines.ShouldBe(["sysctl -w net.netfilter.nf_conntrack_buckets=131072", "sysctl -w net.netfilter.nf_conntrack_max=524288"]),
            remedy => ((Bytes)remedy.Values.Single(value => value.Name == "memory").Value).Count.ShouldBe(524_288 * 350.0, 2e6));
        verdict.Remedy("shorten_conntrack_timeouts").CommandLines.Length.ShouldBe(2);
        verdict.Remedy("do_not_track").CommandLines.ShouldBeEmpty("it is not known which traffic");
    }

    [Fact]
    public void Buckets_never_become_fewer() =>
        new ObservationBench().Tracked(90, max: 100, buckets: 262_144).Judge(exhausting).BeSound(exhausting, Severity.Warning)
            .Remedy("raise_conntrack_max").CommandLines.ShouldBe(["sysctl -w net.netfilter.nf_conntrack_max=200"]);

    [Fact]
    public void The_busiest_listener_is_the_example_of_what_needs_no_tracking()
    {
        var bench = new ObservationBench { Census = CensusOf(listeners: [new("*", "22", "ssh.service", "sshd", 0, 3, 0, 0, null), new("*", "443", "nginx.service", "nginx", 0, 9000, 0, 0, null)]) };

        bench.Tracked(90, max: 100).Judge(exhausting).BeSound(exhausting, Severity.Warning).Remedy("do_not_track").CommandLines.ShouldContain("nft add rule inet untracked in tcp dport 443 notrack");
    }

    [Theory]
    [InlineData(100, 0, 0, null)]
    [InlineData(94, 5, 0, null)]
    [InlineData(94, 5, 5, "warning")]
    [InlineData(20, 0, 1, "warning")]
    [InlineData(95, 1, 0, "warning")]
    [InlineData(95, 0, 40, "warning")]
    [InlineData(100, 10, 0, "warning")]
    [InlineData(100, 11, 0, "critical")]
    public void Drops_are_the_full_tables_only_where_it_is_full(ulong entries, ulong drops, ulong earlyDrops, string? severity)
    {
        Verdict? verdict = Rising(new ObservationBench(), entries, max: 100, drops, earlyDrops, insertFailed: 0).Judge(dropping);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(dropping, verdict.Severity).Remedies[0].Key.ShouldBe("raise_conntrack_max");
    }

    [Fact]
    public void A_table_that_was_full_a_moment_ago_dropped_them()
    {
        ObservationBench bench = Rising(new ObservationBench(), entries: 100, max: 100, drops: 5, earlyDrops: 0, insertFailed: 0);
        bench.Look();

        bench.Pass(TimeSpan.FromSeconds(10)).Tracked(20, max: 100, drops: 1005).Judge(dropping).ShouldNotBeNull();
        bench.Pass(TimeSpan.FromSeconds(70)).Judge(dropping, Severity.Warning).ShouldBeNull();
    }

    // Of 64,512 ports of one address towards one destination, or of a rule's ten.
    [Theory]
    [InlineData(10, 10, 30ul, "critical")]
    [InlineData(10, 10, 4ul, "warning")]
    [InlineData(64_000, 64_512, 30ul, "critical")]
    [InlineData(60_000, 64_512, 30ul, null)]
    [InlineData(10, 64_512, 30ul, null)]
    [InlineData(10, 10, 0ul, null)]
    public void NAT_is_out_of_ports_where_the_table_shows_it_and_insertions_fail(int taken, int limit, ulong failed, string? severity)
    {
        ObservationBench bench = Rising(new ObservationBench(), entries: 100, max: 262_144, drops: failed, earlyDrops: 0, insertFailed: failed, nat: NatOf(taken, limit));

        Verdict? verdict = bench.Judge(nat);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(nat, verdict.Severity).Remedies.ShouldNotContain(remedy => remedy.Key == "raise_conntrack_max");
        verdict?.Facts().ShouldBe(["nat_ports_taken", "insertions_failed", "conntrack_has_room"]);
        LabelOf(bench.Judge(failing)).ShouldBe(failed == 0 || severity is not null ? null : "warning", "one or the other");
        bench.Judge(exhausting).ShouldBeNull();
        bench.Judge(dropping).ShouldBeNull();
    }

    [Theory]
    [InlineData(1ul, 0ul, "info", "dns_one_at_a_time")]
    [InlineData(11ul, 0ul, "warning", "dns_one_at_a_time")]
    [InlineData(11ul, 11ul, "warning", "more_conntrack_buckets")]
    [InlineData(11ul, 3ul, "warning", "dns_one_at_a_time")]
    [InlineData(0ul, 0ul, null, null)]
    public void Insertions_fail_for_causes_of_which_the_kernel_counts_one(ulong failed, ulong chains, string? severity, string? remedy)
    {
        Verdict? verdict = Rising(new ObservationBench(), entries: 1822, max: 262_144, drops: failed, earlyDrops: 0, insertFailed: failed, chains: chains).Judge(failing);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(failing, verdict.Severity).Remedies[0].Key.ShouldBe(remedy);
        verdict?.Facts().Contains("chains_too_long").ShouldBe(chains > 0);
        verdict?.Facts().Contains("nat_ports_unknown").ShouldBe(remedy != "more_conntrack_buckets", "the table was not read");
    }

    // The kernel of Alibaba Cloud Linux 2 and 3, Debian 11, RHEL 8 and 9 has neither column: of three causes only NAT can be seen, and the others are said to be unknown.
    [Theory]
    [InlineData(false, "nat_ports_unknown", "conntrack_insertions_failing")]
    [InlineData(true, "nat_ports_taken", "nat_ports_exhausting")]
    public void On_a_kernel_that_counts_no_chains_their_share_is_said_to_be_unknown(bool isNat, string fact, string finding)
    {
        var bench = new ObservationBench();
        bench.Tracked(100, insertFailed: 1000, chains: null).Look();
        bench.Pass(TimeSpan.FromSeconds(6)).Tracked(100, insertFailed: 1030, chains: null, nat: isNat ? NatOf(10, 10) : null);

        Rule rule = new Rule[] { nat, failing }.Single(rule => rule.Id == finding);
        Verdict verdict = bench.Judge(rule).BeSound(rule, isNat ? Severity.Critical : Severity.Warning);

        verdict.Facts().ShouldContain(fact);
        verdict.Facts().ShouldNotContain("chains_too_long");
        verdict.Facts().Contains("chains_unknown").ShouldBe(!isNat, "the table shows which it is");
        verdict.Remedies.ShouldNotContain(remedy => remedy.Key == "more_conntrack_buckets", "nothing shows that chains were it");
        bench.Judge(isNat ? failing : nat).ShouldBeNull();
    }

    [Fact]
    public void A_kernel_that_counts_chains_and_saw_none_is_known_to_have_had_none() =>
        Rising(new ObservationBench(), entries: 100, max: 262_144, drops: 30, earlyDrops: 0, insertFailed: 30).Judge(failing).BeSound(failing, Severity.Warning)
            .Facts().ShouldSatisfyAllConditions(facts => facts.ShouldNotContain("chains_unknown"), facts => facts.ShouldNotContain("chains_too_long"), facts => facts.ShouldContain("insertions_race"));

    [Fact]
    public void A_full_table_on_a_gateway_is_told_apart_from_NAT_without_ports()
    {
        ObservationBench bench = Rising(new ObservationBench(), entries: 262_144, max: 262_144, drops: 3000, earlyDrops: 200, insertFailed: 40);

        bench.Judge(exhausting).BeSound(exhausting, Severity.Critical);
        bench.Judge(dropping).BeSound(dropping, Severity.Critical);
        bench.Judge(nat).ShouldBeNull();
        dropping.Causes.ShouldContain(exhausting.Id);
    }

    private static NatPorts NatOf(int taken, int limit) =>
        new(100, IsWhole: true, 50, new NatPorts.Use("tcp", InetAddress.ReadV4([10, 0, 0, 1]), InetAddress.ReadV4([10, 0, 0, 9]), 443, taken, limit, 20_000, 20_009));

    private static ObservationBench Rising(ObservationBench bench, ulong entries, ulong? max, ulong drops, ulong earlyDrops, ulong insertFailed, ulong chains = 0, NatPorts? nat = null)
    {
        bench.Tracked(entries, max, drops: 1000, earlyDrops: 1000, insertFailed: 1000).Look();
        return bench.Pass(TimeSpan.FromSeconds(6)).Tracked(entries, max, drops: 1000 + drops, earlyDrops: 1000 + earlyDrops, insertFailed: 1000 + insertFailed, chains: chains, nat: nat);
    }
}
