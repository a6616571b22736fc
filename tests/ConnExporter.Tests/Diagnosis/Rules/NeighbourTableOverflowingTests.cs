using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Collectors;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class NeighbourTableOverflowingTests
{
    private readonly NeighbourTableOverflowing rule = new();

    [Theory]
    [InlineData(0ul, 1024ul, null)]
    [InlineData(0ul, 5000ul, null)]
    [InlineData(1ul, 1024ul, "warning")]
    [InlineData(1ul, 10ul, "warning")]
    [InlineData(60ul, 1024ul, "critical")]
    public void The_kernels_counter_is_the_judge_and_not_the_share(ulong turnedAway, ulong entries, string? severity)
    {
        ObservationBench bench = Played(entries, turnedAway, 1024);

        Verdict? verdict = bench.Judge(rule);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(rule, verdict.Severity).Remedy("raise_neighbour_limit").CommandLines
            .ShouldBe(["sysctl -w net.ipv4.neigh.default.gc_thresh3=16384", "sysctl -w net.ipv4.neigh.default.gc_thresh2=8192", "sysctl -w net.ipv4.neigh.default.gc_thresh1=4096"]);
    }

    [Fact]
    public void A_high_limit_is_raised_further()
    {
        Verdict verdict = Played(65_536, 9, 65_536).Judge(rule).ShouldNotBeNull();

        verdict.Remedies.Single(remedy => remedy.Key == "raise_neighbour_limit").CommandLines[0].ShouldBe("sysctl -w net.ipv4.neigh.default.gc_thresh3=262144");
    }

    [Fact]
    public void A_limit_that_was_lowered_below_what_there_is_is_raised_beyond_it()
    {
        Verdict verdict = Played(100_000, 9, 1024).Judge(rule).ShouldNotBeNull();

        verdict.Remedies.Single(remedy => remedy.Key == "raise_neighbour_limit").CommandLines[0].ShouldBe("sysctl -w net.ipv4.neigh.default.gc_thresh3=200000");
    }

    [Fact]
    public void Without_the_limit_no_command_sets_it()
    {
        Verdict verdict = Played(65_536, 9, limit: null).Judge(rule).ShouldNotBeNull();

        verdict.Remedies.Select(remedy => remedy.Key).ShouldBe(["see_neighbours"]);
    }

    private static ObservationBench Played(ulong entries, ulong turnedAway, ulong? limit)
    {
        var bench = new ObservationBench { Neighbours = Reading(entries, 7, limit) };
        bench.Look();
        bench.Pass(TimeSpan.FromSeconds(5)).Neighbours = Reading(entries, 7 + turnedAway, limit);
        return bench;
    }

    private static NeighboursReading Reading(ulong entries, ulong fulls, ulong? limit) =>
        new([new("ipv4", new NeighbourStatistics(entries, fulls, ForcedCollections: 0), limit), new("ipv6", new NeighbourStatistics(3, 0, 0), 1024)]);
}
