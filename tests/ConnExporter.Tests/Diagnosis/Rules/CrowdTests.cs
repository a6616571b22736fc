using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>Very many connections, and very many processes with connections.</summary>
public class CrowdTests
{
    private static readonly TooManyEstablished Many = new();
    private static readonly ProcessStorm Storm = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong()
    {
        bench.Judge(Many).ShouldBeNull();
        bench.Judge(Storm).ShouldBeNull();
    }

    [Theory]
    [InlineData(59_999, null, false)]
    [InlineData(60_000, null, true)]
    [InlineData(58_000, Severity.Info, true)]
    [InlineData(50_000, Severity.Info, false)]
    public void The_classic_threshold_is_worth_a_note_and_no_more(int count, object? held, bool holds)
    {
        bench.Sockets((TcpState.Established, (ulong)count));
        bench.Census = ObservationBench.CensusOf(holders: [new(HeldSockets.Established, new Owner("nginx", "web.service", 12, 1), (ulong)count, Oldest: null)]);

        Verdict? verdict = bench.Judge(Many, (Severity?)held);

        (verdict is not null).ShouldBe(holds);
        if (holds)
        {
            verdict!.Severity.ShouldBe(Severity.Info);
            verdict.Text(Many).ShouldContain("By itself that is no fault");
            verdict.Instance.ShouldBe("nginx of web.service");
        }
    }

    [Theory]
    [InlineData(199, null, false)]
    [InlineData(200, null, true)]
    [InlineData(170, Severity.Warning, true)]
    public void Hundreds_of_processes_of_one_name_that_connect_are_a_storm(int processes, object? held, bool holds)
    {
        bench.Census = ObservationBench.CensusOf(connecting: [new CensusReading.ConnectingRow("curl", "none", processes, 2000, new Owner("curl", "none", 31, 300))]);

        Verdict? verdict = bench.Judge(Storm, (Severity?)held);

        (verdict is not null).ShouldBe(holds);
        if (holds)
        {
            verdict.Text(Storm).ShouldContain($"{processes} processes named curl hold 2,000 connections");
            verdict!.Instance.ShouldBe("curl");
            verdict.Holders.ShouldHaveSingleItem().ProcessId.ShouldBe(31);
            verdict.Commands().ShouldBe(["ps -o pid,ppid,user,lstart,comm -p 31"]);
        }
    }
}
