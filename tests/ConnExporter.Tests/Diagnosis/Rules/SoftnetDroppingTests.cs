using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class SoftnetDroppingTests
{
    private readonly SoftnetDropping rule = new();

    [Theory]
    [InlineData(0ul, 0ul, null)]
    [InlineData(4ul, 0ul, null)]
    [InlineData(0ul, 5000ul, null)]
    [InlineData(5ul, 0ul, "warning")]
    [InlineData(600ul, 100ul, "critical")]
    public void What_the_backlog_dropped_is_the_judge_and_a_squeeze_is_no_loss(ulong dropped, ulong squeezed, string? severity)
    {
        Verdict? verdict = Played(dropped, squeezed, limit: 1000).Judge(rule);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(rule, verdict.Severity).Remedy("raise_packet_backlog").CommandLines.ShouldBe(["sysctl -w net.core.netdev_max_backlog=16384"]);
        verdict?.Evidence.Any(fact => fact.Key == "softnet_squeezed").ShouldBe(squeezed > 0);
    }

    [Fact]
    public void A_large_backlog_is_made_larger_and_an_unknown_one_is_not_lowered()
    {
        Played(50, 0, limit: 30_000).Judge(rule)!.BeSound(rule, Severity.Critical).Remedy("raise_packet_backlog").CommandLines.ShouldBe(["sysctl -w net.core.netdev_max_backlog=120000"]);
        Played(50, 0, limit: null).Judge(rule)!.Remedies.Single(remedy => remedy.Key == "raise_packet_backlog").Steps.Single().IsUnread.ShouldBeTrue();
    }

    private static ObservationBench Played(ulong dropped, ulong squeezed, ulong? limit)
    {
        var bench = new ObservationBench { SockStat = Reading(7, 9, limit) };
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(10)).SockStat = Reading(7 + dropped, 9 + squeezed, limit);
        return bench;
    }

    private static SockStatReading Reading(ulong dropped, ulong squeezed, ulong? limit) =>
        new("self", new SockStat(1, 0, 0, 1), limits: null, maxOrphans: 100, maxTimeWait: 100) { Softnet = new SoftnetStat(1_000_000, dropped, squeezed), BacklogLimit = limit };
}
