using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class EstablishedLeakTests
{
    private static readonly EstablishedLeak Rule = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong() => bench.Judge(Rule).ShouldBeNull();

    [Fact]
    public void What_is_opened_and_not_closed_for_half_an_hour_leaks()
    {
        Play(36, minute => (500 + (10 * minute), 20 * minute, null));

        Verdict? verdict = bench.Judge(Rule);

        verdict!.Severity.ShouldBe(Severity.Warning);
        verdict.Text(Rule).ShouldContain("100 connections were opened in 5 min and 50 closed");
    }

    [Fact]
    public void A_quarter_of_an_hour_proves_nothing()
    {
        Play(15, minute => (500 + (10 * minute), 20 * minute, null));

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void A_load_that_rises_and_closes_what_it_opens_is_no_leak()
    {
        // 10,000 connections a minute, of which 10 more stay open each minute.
        Play(36, minute => (500 + (10 * minute), 10_000 * minute, null));

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void Where_idle_times_are_known_they_decide()
    {
        Play(36, minute => (500 + (10 * minute), 20 * minute, 30));
        bench.Judge(Rule).ShouldBeNull("all the new ones are in use");

        Play(36, minute => (1000 + (10 * minute), 20 * minute, 30 + (8 * minute)));
        bench.Judge(Rule).Text(Rule).ShouldContain("sockets without data for ten minutes grew from");
    }

    [Fact]
    public void What_comes_and_goes_is_no_leak()
    {
        Play(36, minute => (500 + (100 * (minute % 6)), 20 * minute, null));

        bench.Judge(Rule).ShouldBeNull();
    }

    [Fact]
    public void With_something_that_will_be_used_up_it_is_critical()
    {
        Play(
            36,
            minute =>
            {
                bench.Running(new ProcessesReading.Row("java", "app.service", 1, (ulong)(500 + (10 * minute)), (ulong)(500 + (10 * minute)), 4096) { WorstProcessId = 7 });
                return (500 + (10 * minute), 20 * minute, null);
            });

        Verdict? verdict = bench.Judge(Rule);

        verdict!.Severity.ShouldBe(Severity.Critical);
        verdict.Text(Rule).ShouldContain("java of app.service (process_file_descriptors) is used up in");
    }

    // A look every five seconds, as fast as states are read.
    private void Play(int minutes, Func<int, (int Established, int Opened, int? Idle)> at)
    {
        for (int look = 0; look <= minutes * 12; look++)
        {
            (int established, int opened, int? idle) = at(look / 12);
            bench.Sockets((TcpState.Established, (ulong)established)).Count("ActiveOpens", (ulong)opened).Count("PassiveOpens", 0).Count("AttemptFails", 0);
            bench.Census = ObservationBench.CensusOf(idle: idle is { } count ? ((ulong)count, (ulong)count, 0) : null);
            bench.Look();
            bench.Pass(TimeSpan.FromSeconds(5));
        }
    }
}
