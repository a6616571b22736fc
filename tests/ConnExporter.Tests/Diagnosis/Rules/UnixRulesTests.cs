using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;
using static ConnExporter.Tests.Diagnosis.Rules.VerdictShould;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class UnixRulesTests
{
    private static readonly Owner Master = new("php-fpm", "php-fpm.service", Pid: 100, StartTicks: 1000);
    private static readonly Owner Worker = new("php-fpm", "php-fpm.service", Pid: 4711, StartTicks: 2000);
    private readonly UnixAcceptQueueOverflowing queue = new();
    private readonly UnixReceiverFull receiver = new();
    private readonly ObservationBench bench = new();

    [Theory]
    [InlineData(6, 1.0, "warning")]
    [InlineData(6, 10.0, "critical")]
    [InlineData(6, 0.0, null)]
    [InlineData(5, 0.0, null)]
    public void A_queue_that_two_looks_saw_full_is_the_proof(uint waiting, double seconds, string? severity)
    {
        bench.Unix = ObservationBench.UnixOf([new("/run/php-fpm.sock", waiting, 5, 6, TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds), ListenerHolding.Of([Master, Worker], []))]);

        Verdict? verdict = bench.Judge(queue);

        LabelOf(verdict).ShouldBe(severity);
        if (verdict is not null)
        {
            verdict.BeSound(queue, verdict.Severity);
            verdict.Holders.Single().ProcessId.ShouldBe(4711);
            verdict.Evidence.Select(fact => fact.Key).ShouldContain("unix_listener_handed_on");
        }
    }

    [Fact]
    public void What_holds_ends_when_there_is_room_again()
    {
        bench.Unix = ObservationBench.UnixOf([new("/run/php-fpm.sock", 6, 5, 6, TimeSpan.Zero, TimeSpan.Zero, Holding: null)]);
        queue.Judge(bench.Look(), Severity.Warning).ShouldNotBeNull();

        bench.Unix = ObservationBench.UnixOf([new("/run/php-fpm.sock", 5, 5, 6, TimeSpan.Zero, TimeSpan.Zero, Holding: null)]);
        queue.Judge(bench.Look(), Severity.Warning).ShouldBeNull();
    }

    [Theory]
    [InlineData(true, 2, "warning")]
    [InlineData(true, 1, null)]
    [InlineData(false, 0, null)]
    [InlineData(null, 0, null)]
    public void A_receiver_is_full_when_the_kernel_said_so_twice(bool? isFull, int looks, string? severity)
    {
        bench.Unix = ObservationBench.UnixOf(receivers: [new UnixReading.ReceiverRow("/dev/log", TimeSpan.FromHours(1), isFull, looks, ListenerHolding.Of([Worker], []))]);

        Verdict? verdict = bench.Judge(receiver);

        LabelOf(verdict).ShouldBe(severity);
        verdict?.BeSound(receiver, verdict.Severity);
    }
}
