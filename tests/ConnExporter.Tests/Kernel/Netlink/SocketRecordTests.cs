using ConnExporter.Kernel.Netlink;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;
using Build = ConnExporter.Tests.Support.Netlink;

namespace ConnExporter.Tests.Kernel.Netlink;

public class SocketRecordTests
{
    private static readonly byte[] Shutdown = Build.Attribute(8, 0);
    private static readonly byte[] Memory = Build.Attribute(7, Build.Int32(1, 2, 3, 4, 5, 6, 7, 8, 99));

    [Fact]
    public void Every_field_is_read_from_its_place()
    {
        byte[] payload = Build.Record(
            state: 8, local: "192.0.2.1", localPort: 8080, remote: "198.51.100.7", remotePort: 54321, cookie: 0x1122334455667788, receiveQueue: 17, sendQueue: 18, inode: 4711);
        var record = new SocketRecord(payload);

        record.State.ShouldBe(TcpState.CloseWait);
        record.LocalAddress.ToString().ShouldBe("192.0.2.1");
        record.LocalPort.ShouldBe((ushort)8080);
        record.RemoteAddress.ToString().ShouldBe("198.51.100.7");
        record.RemotePort.ShouldBe((ushort)54321);
        record.Cookie.ShouldBe(0x1122334455667788ul);
        record.ReceiveQueue.ShouldBe(17u);
        record.SendQueue.ShouldBe(18u);
        record.Inode.ShouldBe(4711u);
    }

    [Theory]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("::", "::")]
    public void An_IPv6_record_may_carry_a_mapped_address(string address, string text) =>
        new SocketRecord(Build.Record(local: address, remote: "::")).LocalAddress.ToString().ShouldBe(text);

    [Theory]
    [InlineData(0, TcpState.Unknown)]
    [InlineData(1, TcpState.Established)]
    [InlineData(11, TcpState.Closing)]
    [InlineData(12, TcpState.Unknown)]
    [InlineData(255, TcpState.Unknown)]
    public void A_state_without_a_name_is_unknown(byte state, TcpState expected) => new SocketRecord(Build.Record(state: state)).State.ShouldBe(expected);

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(3, true)]
    public void Timer_3_marks_a_minisocket(byte timer, bool expected) => new SocketRecord(Build.Record(timer: timer)).IsTimeWaitMinisocket.ShouldBe(expected);

    [Fact]
    public void Only_a_full_socket_carries_the_shutdown_attribute()
    {
        new SocketRecord(Build.Record(attributes: [Memory, Shutdown])).IsFullSocket.ShouldBeTrue();
        new SocketRecord(Build.Record(attributes: [Memory])).IsFullSocket.ShouldBeFalse();
    }

    [Fact]
    public void Drops_are_the_ninth_number_of_the_memory_attribute()
    {
        new SocketRecord(Build.Record(attributes: [Shutdown, Memory])).TryGetDrops(out uint drops).ShouldBeTrue();
        drops.ShouldBe(99u);
    }

    [Fact]
    public void A_memory_attribute_of_an_older_kernel_has_no_drops()
    {
        new SocketRecord(Build.Record(attributes: [Build.Attribute(7, new byte[32])])).TryGetDrops(out uint drops).ShouldBeFalse();
        new SocketRecord(Build.Record(attributes: [Build.Attribute(7, new byte[35])])).TryGetDrops(out _).ShouldBeFalse();
        new SocketRecord(Build.Record()).TryGetDrops(out _).ShouldBeFalse();
        drops.ShouldBe(0u);
    }

    // struct tcp_info grows with each kernel: four times in milliseconds are its 12th to 15th number.
    [Theory]
    [InlineData(20, true, true)]
    [InlineData(15, true, true)]
    [InlineData(14, false, true)]
    [InlineData(13, false, false)]
    [InlineData(0, false, false)]
    public void A_shorter_tcp_info_tells_the_times_that_it_holds_and_no_others(int numbers, bool lastSegment, bool idle)
    {
        int[] info = [.. Enumerable.Range(0, numbers).Select(i => i switch { 11 => 5000, 13 => 3000, 14 => 2000, _ => 77 })];
        var record = new SocketRecord(Build.Record(attributes: [Build.Attribute(2, Build.Int32(info))]));

        record.TryGetSinceLastSegment(out TimeSpan since).ShouldBe(lastSegment);
        since.ShouldBe(TimeSpan.FromSeconds(lastSegment ? 2 : 0));
        record.TryGetIdle(out TimeSpan quiet).ShouldBe(idle);
        (idle ? quiet : TimeSpan.FromSeconds(3)).ShouldBe(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void Attributes_that_nobody_knows_are_skipped_and_longer_ones_are_fine()
    {
        byte[] longer = Build.Attribute(7, [.. Build.Int32(1, 2, 3, 4, 5, 6, 7, 8, 99), .. new byte[20]]);
        var record = new SocketRecord(Build.Record(attributes: [Build.Attribute(200, 1, 2, 3), Build.Attribute(21, new byte[8]), longer]));

        record.TryGetDrops(out uint drops).ShouldBeTrue();
        drops.ShouldBe(99u);
    }

    [Fact]
    public void Flags_in_an_attributes_type_are_ignored() =>
        new SocketRecord(Build.Record(attributes: [Build.Attribute(8 | 0x8000, 0)])).IsFullSocket.ShouldBeTrue();

    [Fact]
    public void A_type_above_255_is_not_taken_for_a_known_one() =>
        new SocketRecord(Build.Record(attributes: [Build.Attribute(0x0108, 0)])).IsFullSocket.ShouldBeFalse();

    [Fact]
    public void The_last_attribute_may_come_without_its_padding() => new SocketRecord(Build.Record(attributes: [Shutdown[..5]])).IsFullSocket.ShouldBeTrue();

    [Theory]
    [InlineData(0)]
    [InlineData(71)]
    public void A_record_shorter_than_its_fixed_part_is_refused(int length) =>
        ShouldBreakTheProtocol(() => _ = new SocketRecord(new byte[length]), $"a record of {length} bytes", "72");

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(ushort.MaxValue)]
    public void An_attribute_that_does_not_fit_is_refused_even_behind_the_wanted_one(ushort length)
    {
        byte[] broken = Build.Attribute(9, 1, 2, 3, 4);
        BitConverter.TryWriteBytes(broken, length).ShouldBeTrue();

        ShouldBreakTheProtocol(() => _ = new SocketRecord(Build.Record(attributes: [Shutdown, broken])), $"an attribute of {length} bytes", "8 left");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Bytes_that_belong_to_no_attribute_are_refused(int surplus) =>
        ShouldBreakTheProtocol(() => _ = new SocketRecord(Build.Record(attributes: [Shutdown, new byte[surplus]])), $"with {surplus} left");

    [Fact]
    public void A_truncation_is_refused_unless_whole_attributes_are_missing()
    {
        byte[] whole = Build.Record(localPort: 443, cookie: 5, inode: 6, attributes: [Memory, Shutdown]);

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(
            whole,
            payload =>
            {
                var record = new SocketRecord(payload);
                return (record.LocalPort, record.Cookie, record.Inode, Drops: record.TryGetDrops(out uint drops) ? drops : 0, record.IsFullSocket);
            },
            (length, read) => read == (443, 5, 6, length < 72 + Memory.Length ? 0u : 99u, length > 72 + Memory.Length));
    }

    [Fact]
    public void Damaged_records_are_refused_and_nothing_worse() => ParserProperties.NothingButRefusalsEscape(
        [Build.Record(attributes: [Memory, Shutdown]), Build.Record(local: "2001:db8::1", remote: "::")],
        payload =>
        {
            var record = new SocketRecord(payload);
            record.TryGetDrops(out _);
            _ = (record.State, record.IsFullSocket, record.IsTimeWaitMinisocket, record.LocalAddress, record.RemoteAddress, record.LocalPort, record.RemotePort);
            _ = (record.Cookie, record.ReceiveQueue, record.SendQueue, record.Inode);
        });
}
