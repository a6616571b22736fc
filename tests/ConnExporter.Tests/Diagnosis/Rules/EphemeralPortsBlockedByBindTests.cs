using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;
using static ConnExporter.Tests.Diagnosis.ObservationBench;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class EphemeralPortsBlockedByBindTests
{
    private readonly EphemeralPortsBlockedByBind rule = new();

    [Theory]
    [InlineData(0, 949, null, null)]
    [InlineData(0, 950, null, "info")]
    [InlineData(0, 900, "info", "info")]
    [InlineData(0, 899, "info", null)]
    [InlineData(799, 799, null, null)]
    [InlineData(800, 800, null, "warning")]
    [InlineData(750, 750, "warning", "warning")]
    [InlineData(749, 749, "warning", null)]
    [InlineData(950, 1000, null, "critical")]
    [InlineData(900, 900, "critical", "critical")]
    public void Bound_ports_are_gone_for_all_and_used_ones_for_bind(ulong blocked, ulong inUse, string? held, string? severity)
    {
        Verdict? verdict = new ObservationBench { Census = CensusOf(blocked: blocked, inUse: inUse, anybody: PortAnswer.Found) }.Range(20000, 20999).Judge(rule, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(rule, verdict.Severity);
    }

    [Fact]
    public void Ports_that_are_in_use_are_a_warning_as_long_as_nobody_knows_whether_connect_finds_one()
    {
        Verdict verdict = new ObservationBench { Census = CensusOf(inUse: 950) }.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Warning);

        verdict.IsUnproven.ShouldBeTrue();
        verdict.Facts().ShouldBe(["ports_used_for_bind", "ports_not_asked"]);
    }

    [Fact]
    public void Where_the_kernel_has_none_for_anybody_it_is_critical_whatever_was_seen()
    {
        Verdict verdict = new ObservationBench { Census = CensusOf(inUse: 990, anybody: PortAnswer.None) }.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Critical);

        verdict.Facts().ShouldBe(["ports_none_for_anybody", "ports_blocked", "ports_seen_blocked"]);
    }

    [Fact]
    public void What_the_kernel_refused_port_by_port_counts_as_bound() =>
        new ObservationBench { Census = CensusOf(blocked: 300, inUse: 900, anybody: PortAnswer.Found, refused: 500) }.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Warning);

    [Fact]
    public void A_range_of_which_every_port_is_reserved_has_none_for_anybody_whatever_was_seen()
    {
        Verdict verdict = new ObservationBench().Range(20000, 20009, reserved: "20000-20009").Judge(rule).BeSound(rule, Severity.Critical);

        verdict.Facts().ShouldBe(["ports_all_reserved"]);
        verdict.TitleOf(rule.Id).ShouldEndWith("_reserved");
        new ObservationBench { Census = CensusOf() }.Range(20000, 20009, reserved: "20000-20008").Judge(rule).ShouldBeNull();
    }

    [Fact]
    public void It_names_who_binds()
    {
        var bench = new ObservationBench { Census = CensusOf(blocked: 900, inUse: 900, processes: [Process("nginx", listen: 2, established: 5000), Process("binder", close: 890), Process("other", close: 3)]) };

        Verdict verdict = bench.Range(20000, 20999).Judge(rule).BeSound(rule, Severity.Warning);

        verdict.Holders.Select(holder => (holder.Name, holder.Count)).ShouldBe([("binder", 890ul), ("nginx", 2ul)]);
        verdict.Remedies.Select(remedy => remedy.Key).ShouldBe(["widen_port_range", "bind_without_port"]);
    }

    [Fact]
    public void Without_a_census_or_the_range_nothing_is_said()
    {
        new ObservationBench().Range(20000, 20999).Judge(rule).ShouldBeNull();
        new ObservationBench { Census = CensusOf(blocked: 1000) }.Judge(rule).ShouldBeNull();
    }

    private static ConnExporter.Sampling.Collectors.CensusReading.ProcessRow Process(string name, ulong close = 0, ulong listen = 0, ulong established = 0)
    {
        ulong[] states = new ulong[TcpTable.StateCount];
        (states[(int)TcpState.Close], states[(int)TcpState.Listen], states[(int)TcpState.Established]) = (close, listen, established);
        return new(name, name == "other" ? "other" : "none", states);
    }
}
