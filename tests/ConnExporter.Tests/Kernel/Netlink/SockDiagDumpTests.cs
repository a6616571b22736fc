using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;
using Build = ConnExporter.Tests.Support.Netlink;

namespace ConnExporter.Tests.Kernel.Netlink;

public sealed class SockDiagDumpTests : IDisposable
{
    private static readonly byte[] Done = Build.Verdict(Build.Done, 1, 0);
    private readonly FakeKernel kernel = new();

    public void Dispose() => kernel.Dispose();

    [Fact]
    public void The_request_is_sent_before_anything_is_read()
    {
        kernel.Answer(Done);

        Ports();

        byte[] expected = new byte[SockDiagRequest.Size];
        new SockDiagRequest(0xfbd, 0x40).Write(expected, sequence: 1);
        kernel.Received().ShouldBe(expected);
    }

    [Fact]
    public void Sockets_come_one_by_one_over_any_number_of_datagrams()
    {
        kernel.Answer([.. Socket(1), .. Socket(2)]);
        kernel.Answer(Socket(3));
        kernel.Answer([.. Socket(4), .. Done]);

        Ports().ShouldBe([1, 2, 3, 4]);
    }

    [Fact]
    public void A_dump_without_sockets_is_a_dump()
    {
        kernel.Answer(Done);

        Ports().ShouldBeEmpty();
    }

    [Fact]
    public void After_the_end_nothing_is_received()
    {
        kernel.Answer(Done);
        kernel.Answer(Socket(1));
        var dump = new SockDiagDump(kernel.Socket, new SockDiagRequest(1));

        dump.TryRead(out _).ShouldBeFalse();
        dump.TryRead(out _).ShouldBeFalse();
    }

    [Fact]
    public void A_socket_serves_one_dump_after_the_other()
    {
        kernel.Answer([.. Socket(1), .. Done]);
        kernel.Answer([.. Socket(2, sequence: 2), .. Build.Verdict(Build.Done, 2, 0)]);

        Ports().ShouldBe([1]);
        Ports().ShouldBe([2]);
    }

    [Theory]
    [InlineData(Build.Done, 2)]
    [InlineData(Build.Error, 2)]
    [InlineData(Build.Error, 95)]
    public void A_missing_module_is_absent(ushort type, int errno)
    {
        kernel.Answer(Build.Verdict(type, 1, errno));

        ShouldBe(FailureKind.Absent, "absent", () => Ports(), "inet_diag or tcp_diag", $"errno {errno}");
    }

    [Theory]
    [InlineData(Build.Error, 1, FailureKind.Denied, "denied")]
    [InlineData(Build.Error, 13, FailureKind.Denied, "denied")]
    [InlineData(Build.Error, 16, FailureKind.Broken, "errno")]
    [InlineData(Build.Done, 105, FailureKind.Broken, "errno")]
    [InlineData(Build.Done, int.MinValue, FailureKind.Broken, "errno")]
    public void The_kernels_verdict_is_taken_whenever_it_comes(ushort type, int errno, FailureKind kind, string reason)
    {
        kernel.Answer(Socket(1));
        kernel.Answer(Build.Verdict(type, 1, errno));

        ShouldBe(kind, reason, () => Ports(), "sock_diag dump", $"errno {errno}");
    }

    [Fact]
    public void An_answer_to_another_request_is_refused()
    {
        kernel.Answer(Socket(1, sequence: 9));

        ShouldBreakTheProtocol(() => Ports(), "request 9", "dump 1");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(20)]
    public void A_message_of_another_kind_is_refused(ushort type)
    {
        kernel.Answer(Build.Message(type, 1, new byte[8]));

        ShouldBreakTheProtocol(() => Ports(), $"type {type}", "8 bytes");
    }

    [Theory]
    [InlineData(Build.Done)]
    [InlineData(Build.Error)]
    public void A_verdict_without_an_errno_is_refused(ushort type)
    {
        kernel.Answer(Build.Message(type, 1, 0, 0, 0));

        ShouldBreakTheProtocol(() => Ports(), $"type {type}", "3 bytes");
    }

    [Fact]
    public void An_answer_that_just_stops_is_refused()
    {
        kernel.Answer(Socket(1));
        kernel.Answer();

        ShouldBreakTheProtocol(() => Ports(), "without NLMSG_DONE");
    }

    [Fact]
    public void An_answer_that_goes_on_after_its_end_is_refused()
    {
        kernel.Answer([.. Done, .. Socket(1)]);

        ShouldBreakTheProtocol(() => Ports(), "type 18 after NLMSG_DONE");
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        kernel.Answer([.. Socket(1), .. Done]);
        kernel.Answer([.. Socket(1, sequence: 2), .. Build.Verdict(Build.Done, 2, 0)]);
        Read();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Read();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);

        void Read()
        {
            var dump = new SockDiagDump(kernel.Socket, new SockDiagRequest(1));
            while (dump.TryRead(out SocketRecord record))
            {
                _ = (record.LocalPort, record.IsFullSocket, record.LocalAddress);
            }
        }
    }

    [Theory]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void A_recorded_dump_of_all_sockets_agrees_with_proc_net_tcp(string vintage)
    {
        ulong[] expected = new ulong[TcpTable.StateCount];
        foreach (string table in (string[])["net/tcp", "net/tcp6"])
        {
            using var file = new LineFile(Fixture.Proc(vintage).PathOf(table));
            TcpTable.Tally(file, expected);
        }

        Tally(Fixture.Netlink(vintage, "all")).ByState.ShouldBe(expected);
    }

    [Theory]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void A_recorded_census_and_sockstat_together_tell_the_states_that_were_not_walked(string vintage)
    {
        var sockstat = SockStat.Parse("sockstat", Fixture.Read(vintage, "net/sockstat"));
        ulong inUse6 = SockStat.ParseInUse6("sockstat6", Fixture.Read(vintage, "net/sockstat6"));

        Census census = Tally(Fixture.Netlink(vintage, "census"));

        census.ByState.ShouldBe([0ul, 0, 4, 3, 1, 10, 0, 0, 8, 1, 6, 1]);
        (sockstat.InUse + inUse6 - census.Full).ShouldBe(67ul, "ESTABLISHED");
        (sockstat.TimeWait - census.Minisockets).ShouldBe(9ul, "TIME_WAIT");
    }

    [Theory]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void A_recorded_dump_of_listeners_tells_their_queues_and_drops(string vintage)
    {
        var listeners = new List<string>();
        kernel.Answer(Fixture.Netlink(vintage, "listeners"));
        var dump = new SockDiagDump(kernel.Socket, new SockDiagRequest(0x400, SockDiagRequest.SocketMemory));
        while (dump.TryRead(out SocketRecord record))
        {
            record.State.ShouldBe(TcpState.Listen);
            record.IsFullSocket.ShouldBeTrue();
            record.TryGetDrops(out uint drops).ShouldBeTrue();
            listeners.Add($"{record.LocalAddress}:{record.LocalPort} {record.ReceiveQueue}/{record.SendQueue} drops {drops}");
        }

        listeners.Where(listener => !listener.Contains(":8443 ", StringComparison.Ordinal)).ShouldBe(
            ["0.0.0.0:8080 3/128 drops 0", ":::443 0/511 drops 0", "198.51.100.1:9000 3/2 drops 4", "127.0.0.1:9109 0/16 drops 0"], ignoreOrder: true);
        listeners.Count(listener => listener.StartsWith("198.51.100.1:8443 ", StringComparison.Ordinal)).ShouldBe(2, "both members of the SO_REUSEPORT group");
    }

    [Fact]
    public void Every_truncation_of_an_answer_is_refused()
    {
        byte[] whole = Fixture.Netlink("linux-6.18", "census");

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(whole, answer => Tally(answer).Full, (_, _) => false);
    }

    [Fact]
    public void Damaged_answers_are_refused_and_nothing_worse()
    {
        FakeKernel? current = null;
        ParserProperties.NothingButRefusalsEscape(
            [Fixture.Netlink("linux-6.18", "listeners"), Fixture.Netlink("linux-5.10", "census"), Build.Verdict(Build.Error, 1, 2), Done],
            answer =>
            {
                var dump = new SockDiagDump(current!.Socket, new SockDiagRequest(1));
                while (dump.TryRead(out SocketRecord record))
                {
                    record.TryGetDrops(out _);
                }
            },
            prepare: answer =>
            {
                current?.Dispose();
                current = new FakeKernel();
                current.Answer(answer.AsSpan(0, Math.Min(answer.Length, 32 * 1024)));
                current.Answer();
            });
        current?.Dispose();
    }

    private static byte[] Socket(ushort port, uint sequence = 1) =>
        Build.Message(Build.SockDiag, sequence, Build.Record(localPort: port, attributes: [Build.Attribute(8, 0), Build.Attribute(21, new byte[8])]));

    private static Census Tally(byte[] answer)
    {
        using var other = new FakeKernel();
        other.Answer(answer);
        other.Answer();
        ulong[] states = new ulong[TcpTable.StateCount];
        ulong full = 0;
        ulong minisockets = 0;
        var dump = new SockDiagDump(other.Socket, new SockDiagRequest(1));
        while (dump.TryRead(out SocketRecord record))
        {
            states[(int)record.State]++;
            full += record.IsFullSocket ? 1u : 0u;
            minisockets += record.IsTimeWaitMinisocket ? 1u : 0u;
        }

        return new Census(states, full, minisockets);
    }

    private List<ushort> Ports()
    {
        var ports = new List<ushort>();
        var dump = new SockDiagDump(kernel.Socket, new SockDiagRequest(0xfbd, 0x40));
        while (dump.TryRead(out SocketRecord record))
        {
            ports.Add(record.LocalPort);
        }

        return ports;
    }

    private sealed record Census(ulong[] ByState, ulong Full, ulong Minisockets);
}
