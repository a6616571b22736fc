using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>Data that does not move: unread here, or unread there.</summary>
public class StalledTests
{
    private static readonly SlowReader Reader = new();
    private static readonly SlowPeer Peer = new();
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong()
    {
        bench.Judge(Reader).ShouldBeNull();
        bench.Judge(Peer).ShouldBeNull();
    }

    [Theory]
    [InlineData(19, null, false)]
    [InlineData(20, null, true)]
    [InlineData(17, Severity.Warning, true)]
    [InlineData(15, Severity.Warning, false)]
    public void Sockets_that_are_not_read_name_the_process(int count, object? held, bool holds)
    {
        bench.Census = ObservationBench.CensusOf(unread: (ulong)count, notReading: 5000, holders: [Row(HeldSockets.NotReading, count)]);

        Verdict? verdict = bench.Judge(Reader, (Severity?)held);

        (verdict is not null).ShouldBe(holds);
        if (holds)
        {
            verdict.Text(Reader).ShouldContain($"java (pid 4711) does not read {count} of them");
            verdict!.Instance.ShouldBe("java of app.service");
            verdict.Commands().ShouldBe(["ps -L -o tid,stat,pcpu,wchan:32,comm -p 4711"]);
        }
    }

    [Theory]
    [InlineData(20, 1000, true)]
    [InlineData(19, 1000, false)]
    [InlineData(150, 20_000, false)]
    [InlineData(200, 20_000, true)]
    public void Among_many_clients_some_are_always_slow(int closed, int established, bool holds)
    {
        bench.Sockets((TcpState.Established, (ulong)established));
        bench.Census = ObservationBench.CensusOf(zeroWindow: (ulong)closed, holders: [Row(HeldSockets.ZeroWindow, closed)]);

        Verdict? verdict = bench.Judge(Peer);

        (verdict is not null).ShouldBe(holds);
        if (holds)
        {
            verdict.Text(Peer).ShouldContain($"java (pid 4711) waits for {closed} of them");
            verdict!.Holders[0].ProcessId.ShouldBe(4711);
        }
    }

    [Fact]
    public void A_slow_reader_on_the_same_host_is_the_cause() => Peer.Causes.ShouldBe(["slow_reader"]);

    private static CensusReading.HolderRow Row(HeldSockets kind, int count) => new(kind, new Owner("java", "app.service", 4711, 200), (ulong)count, Oldest: null);
}
