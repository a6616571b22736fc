using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Tests.Diagnosis.Rules;

public class CloseWaitLeakTests
{
    private static readonly CloseWaitLeak Rule = new();
    private static readonly TimeSpan Old = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan Young = TimeSpan.FromMinutes(4);
    private readonly ObservationBench bench = new();

    [Fact]
    public void Nothing_read_is_nothing_wrong() => bench.Judge(Rule).ShouldBeNull();

    [Fact]
    public void Young_ones_come_and_go()
    {
        Sockets((5000, Young), (99, Old));

        bench.Judge(Rule).ShouldBeNull();
    }

    [Theory]
    [InlineData(100, Severity.Warning)]
    [InlineData(999, Severity.Warning)]
    [InlineData(1000, Severity.Critical)]
    public void Old_ones_leak(int count, object severity)
    {
        Sockets((count, Old), (10, Young));

        Verdict? verdict = bench.Judge(Rule);

        verdict!.Severity.ShouldBe((Severity)severity);
        verdict.Text(Rule).ShouldContain($"{count:#,0} sockets have been in CLOSE_WAIT for more than 5 min");
        verdict.Text(Rule).ShouldContain("java (pid 4711) holds 80 of them, the oldest for 6 min");
        verdict.Instance.ShouldBe("java of app.service");
        verdict.Holders[0].ProcessId.ShouldBe(4711);
        verdict.Holders[0].StartedAt.ShouldBe(ObservationBench.BootTime + TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Growing_for_half_an_hour_is_critical()
    {
        for (int minute = 0; minute <= 36; minute++)
        {
            Sockets((120 + minute, Old));
            bench.Look();
            bench.Pass(TimeSpan.FromMinutes(1));
        }

        Verdict? verdict = bench.Judge(Rule);

        verdict!.Severity.ShouldBe(Severity.Critical);
        verdict.Text(Rule).ShouldContain("CLOSE_WAIT grew from");
    }

    [Fact]
    public void As_many_as_ever_is_a_warning()
    {
        for (int minute = 0; minute <= 36; minute++)
        {
            Sockets((150 + (minute % 7), Old));
            bench.Look();
            bench.Pass(TimeSpan.FromMinutes(1));
        }

        bench.Judge(Rule)!.Severity.ShouldBe(Severity.Warning);
    }

    [Fact]
    public void What_holds_ends_below_a_lower_threshold()
    {
        Sockets((85, Old));

        bench.Judge(Rule).ShouldBeNull();
        bench.Judge(Rule, Severity.Warning).ShouldNotBeNull();
    }

    [Fact]
    public void The_filter_is_the_port_that_most_of_them_have()
    {
        Sockets((200, Old));

        bench.Judge(Rule).Commands().ShouldBe(["ss -tnpoe state close-wait >>~/close-wait.txt", "ss -K -t state close-wait sport = :8080"]);
    }

    [Fact]
    public void Of_connections_made_from_here_it_is_the_port_of_the_other_side()
    {
        ulong[] states = new ulong[TcpTable.StateCount];
        states[(int)TcpState.CloseWait] = 190;
        bench.Census = ObservationBench.CensusOf(closeWaitAges: Ages((190, Old)), remotePorts: [new("6379", states)]);

        bench.Judge(Rule).Commands().ShouldContain("ss -K -t state close-wait dport = :6379");
    }

    [Fact]
    public void Where_no_process_is_known_the_unit_is_named()
    {
        ulong[] states = new ulong[TcpTable.StateCount];
        states[(int)TcpState.CloseWait] = 190;
        bench.Census = ObservationBench.CensusOf(closeWaitAges: Ages((190, Old)), units: [new("none", states), new("app.service", states)]);

        Verdict? verdict = bench.Judge(Rule);

        verdict!.Instance.ShouldBe("app.service");
        verdict.Holders.ShouldHaveSingleItem().Count.ShouldBe(190ul);
    }

    [Fact]
    public void What_nobody_has_accepted_is_told_apart()
    {
        Waiting(unaccepted: 150, ownerless: 0, complete: true);

        Verdict? verdict = bench.Judge(Rule);

        verdict!.TitleOf(Rule.Id).ShouldBe("finding.close_wait_leak.title_unaccepted");
        verdict.Text(Rule).ShouldContain("150 of them wait in the accept queue of 0.0.0.0:8080");
        verdict.Holders.ShouldHaveSingleItem().Count.ShouldBe(150ul);
        verdict.Remedies.Select(remedy => remedy.Key).ShouldBe(["see_what_the_acceptor_does", "accept_faster"]);
    }

    [Theory]
    [InlineData(true, "when descriptors were read last no process had one of them")]
    [InlineData(false, "the holder is not known")]
    public void What_has_no_descriptor_is_of_its_listener_and_that_is_said(bool complete, string text)
    {
        Waiting(unaccepted: 0, ownerless: 150, complete);
        bench.Running();

        Verdict? verdict = bench.Judge(Rule);

        verdict!.TitleOf(Rule.Id).ShouldBe("finding.close_wait_leak.title");
        verdict.Text(Rule).ShouldContain(text);
        verdict.Holders.ShouldHaveSingleItem().Name.ShouldBe("java");
        verdict.Remedies.Select(remedy => remedy.Key).ShouldBe(["kill_close_wait", "close_after_peer"]);
    }

    private void Waiting(ulong unaccepted, ulong ownerless, bool complete)
    {
        ulong[] states = new ulong[TcpTable.StateCount];
        states[(int)TcpState.CloseWait] = unaccepted + ownerless;
        var java = new Owner("java", "app.service", 4711, 200);
        bench.Census = ObservationBench.CensusOf(
            closeWaitAges: Ages(((int)(unaccepted + ownerless), Old)),
            listeners:
            [
                new("0.0.0.0", "8080", "app.service", "java", 0, 0, unaccepted + ownerless, 0, java) { UnacceptedCloseWait = unaccepted, OwnerlessCloseWait = ownerless, Holding = ListenerHolding.Of([java], []) },
            ],
            states: [.. states],
            isAttributionComplete: complete);
    }

    private void Sockets(params (int Count, TimeSpan Age)[] counts)
    {
        bench.Sockets((TcpState.CloseWait, (ulong)counts.Sum(row => row.Count)));
        bench.Census = ObservationBench.CensusOf(
            closeWaitAges: Ages(counts),
            listeners: [new("::", "8080", "app.service", "java", 0, 10, 150, 0, Owner: null)],
            holders: [new(HeldSockets.Established, new Owner("nginx", "web.service", 5, 1), 900, Oldest: null), new(HeldSockets.CloseWait, new Owner("java", "app.service", 4711, 200), 80, Old)]);
    }

    private static AgeCounts Ages(params (int Count, TimeSpan Age)[] counts)
    {
        var ages = new AgeCounts();
        foreach ((int count, TimeSpan age) in counts)
        {
            for (int i = 0; i < count; i++)
            {
                ages.Add(age);
            }
        }

        return ages;
    }
}
