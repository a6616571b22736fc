using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class MemoryRulesTests
{
    private readonly OrphansExhausting orphans = new();
    private readonly TcpMemoryPressure memory = new();

    [Theory]
    [InlineData(79, null, null)]
    [InlineData(80, null, "warning")]
    [InlineData(75, "warning", "warning")]
    [InlineData(74, "warning", null)]
    [InlineData(95, null, "critical")]
    [InlineData(90, "critical", "critical")]
    public void Orphans_are_judged_by_their_share(ulong count, string? held, string? severity)
    {
        Verdict? verdict = new ObservationBench().Memory(orphans: count, maxOrphans: 100).Sockets((TcpState.FinWait1, count)).Judge(orphans, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(orphans, verdict.Severity).Remedy("raise_max_orphans").CommandLines.ShouldBe(["sysctl -w net.ipv4.tcp_max_orphans=200"]);
    }

    // The kernel counts an orphan whose peer does not answer fourfold: from a quarter on its own counter is the judge.
    [Theory]
    [InlineData(40ul, 250ul, "critical")]
    [InlineData(25ul, 1ul, "warning")]
    [InlineData(40ul, 0ul, null)]
    [InlineData(24ul, 4ul, null)]
    [InlineData(24ul, 30ul, "critical")]
    public void Orphans_that_the_kernel_resets_are_a_finding_below_the_limit(ulong count, ulong aborts, string? severity)
    {
        ObservationBench bench = new ObservationBench().Memory(orphans: count, maxOrphans: 100).Sockets((TcpState.FinWait1, count)).Count("TCPAbortOnMemory", 5);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(6)).Count("TCPAbortOnMemory", 5 + aborts);

        Verdict? verdict = bench.Judge(orphans);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(orphans, verdict.Severity).Facts().ShouldContain("aborts_on_memory");
        verdict?.Facts().Contains("aborts_unexplained").ShouldBe(count < 25);
    }

    [Fact]
    public void Aborts_at_the_limit_of_memory_are_not_of_orphans()
    {
        ObservationBench bench = new ObservationBench().Memory(orphans: 40, maxOrphans: 100, pages: 190, limits: new MemoryLimits(90, 120, 180)).Count("TCPAbortOnMemory", 5);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(6)).Count("TCPAbortOnMemory", 500);

        bench.Judge(orphans).ShouldBeNull();
        bench.Judge(memory).BeSound(memory, Severity.Critical);
    }

    [Fact]
    public void Aborts_where_the_limits_are_the_hosts_are_told_without_them()
    {
        ObservationBench bench = new ObservationBench().Memory(orphans: 40, maxOrphans: null).Count("TCPAbortOnMemory", 5);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(6)).Count("TCPAbortOnMemory", 500);

        bench.Judge(orphans).BeSound(orphans, Severity.Critical).Facts().ShouldContain("orphans_without_limit");
    }

    // low 90, pressure 120, limit 180.
    [Theory]
    [InlineData(119, 0, 0, null, null)]
    [InlineData(120, 0, 0, null, "warning")]
    [InlineData(115, 0, 0, "warning", "warning")]
    [InlineData(113, 0, 0, "warning", null)]
    [InlineData(171, 0, 0, null, "critical")]
    [InlineData(50, 1, 0, null, "warning")]
    [InlineData(130, 1, 1, null, "warning")]
    [InlineData(130, 0, 11, null, "critical")]
    [InlineData(50, 0, 9, null, null)]
    public void Memory_is_judged_by_the_pressure_value_and_by_what_the_kernel_counts(ulong pages, ulong pressures, ulong aborts, string? held, string? severity)
    {
        ObservationBench bench = new ObservationBench().Memory(pages: pages, limits: new MemoryLimits(90, 120, 180)).Count("TCPMemoryPressures", 5).Count("TCPAbortOnMemory", 5);
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(6)).Count("TCPMemoryPressures", 5 + pressures).Count("TCPAbortOnMemory", 5 + aborts);

        Verdict? verdict = bench.Judge(memory, Held(held));

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(memory, verdict.Severity).Remedy("raise_tcp_mem").CommandLines.ShouldBe(["sysctl -w net.ipv4.tcp_mem='180 240 360'"]);
    }

    [Fact]
    public void What_was_not_read_is_not_judged()
    {
        new ObservationBench().Judge(orphans).ShouldBeNull();
        new ObservationBench().Judge(memory).ShouldBeNull();
        new ObservationBench().Memory(orphans: 100, maxOrphans: null).Judge(orphans).ShouldBeNull();
    }
}
