using ConnExporter.Kernel.Netlink;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;
using Build = ConnExporter.Tests.Support.Netlink;

namespace ConnExporter.Tests.Kernel.Netlink;

public class NetlinkMessageReaderTests
{
    [Fact]
    public void Messages_come_in_order_with_type_sequence_and_payload()
    {
        byte[] datagram = [.. Build.Message(18, 7, 1, 2, 3, 4), .. Build.Message(3, 7, 0, 0, 0, 0)];

        Read(datagram).ShouldBe(["18/7/01020304", "3/7/00000000"]);
    }

    [Fact]
    public void A_payload_ends_before_its_padding() => Read([.. Build.Message(18, 1, 0xaa), .. Build.Message(18, 2, 0xbb, 0xcc, 0xdd)]).ShouldBe(["18/1/AA", "18/2/BBCCDD"]);

    [Fact]
    public void The_last_message_may_come_without_its_padding() => Read(Build.Message(18, 1, 0xaa)[..17]).ShouldBe(["18/1/AA"]);

    [Fact]
    public void A_message_may_be_a_header_alone() => Read(Build.Message(1, 9)).ShouldBe(["1/9/"]);

    [Fact]
    public void An_empty_datagram_has_no_messages() => Read([]).ShouldBeEmpty();

    [Theory]
    [InlineData(0u)]
    [InlineData(15u)]
    [InlineData(25u)]
    [InlineData(0x7fffffffu)]
    [InlineData(0xffffffffu)]
    public void A_length_below_the_header_or_past_the_end_is_refused(uint length)
    {
        byte[] datagram = Build.Message(18, 1, new byte[8]);
        BitConverter.TryWriteBytes(datagram, length).ShouldBeTrue();

        ShouldBreakTheProtocol(() => Read(datagram), $"a message of {length} bytes", "24 left");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    public void Bytes_that_belong_to_no_message_are_refused(int surplus) =>
        ShouldBreakTheProtocol(() => Read([.. Build.Message(18, 1, new byte[8]), .. new byte[surplus]]), $"{surplus} bytes left over");

    [Theory]
    [InlineData(new byte[] { 0xfe, 0xff, 0xff, 0xff }, 2)]
    [InlineData(new byte[] { 0, 0, 0, 0 }, 0)]
    [InlineData(new byte[] { 0xfe, 0xff, 0xff }, 0)]
    public void The_errno_of_a_verdict_is_positive(byte[] payload, int expected)
    {
        var reader = new NetlinkMessageReader(Build.Message(2, 1, payload));

        reader.TryRead(out NetlinkMessage message).ShouldBeTrue();

        message.Errno.ShouldBe(expected);
    }

    [Theory]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void Recorded_answers_are_consumed_to_the_last_byte(string vintage)
    {
        foreach (string dump in (string[])["census", "listeners", "all"])
        {
            List<string> messages = Read(Fixture.Netlink(vintage, dump));

            messages.SkipLast(1).ShouldAllBe(message => message.StartsWith("18/1/"));
            messages[^1].ShouldStartWith("3/1/00000000");
        }
    }

    [Fact]
    public void A_truncation_is_refused_unless_whole_messages_are_missing()
    {
        byte[] whole = Fixture.Netlink("linux-6.18", "listeners");
        List<string> all = Read(whole);

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(whole, Read, (_, some) => some.SequenceEqual(all.Take(some.Count)));
    }

    [Fact]
    public void Damaged_datagrams_are_refused_and_nothing_worse() => ParserProperties.NothingButRefusalsEscape(
        [Fixture.Netlink("linux-6.18", "listeners"), Build.Verdict(Build.Error, 1, 2)],
        datagram =>
        {
            var reader = new NetlinkMessageReader(datagram);
            while (reader.TryRead(out NetlinkMessage message))
            {
                _ = message.Errno;
            }
        });

    private static List<string> Read(byte[] datagram)
    {
        var messages = new List<string>();
        var reader = new NetlinkMessageReader(datagram);
        while (reader.TryRead(out NetlinkMessage message))
        {
            messages.Add($"{message.Type}/{message.Sequence}/{Convert.ToHexString(message.Payload)}");
        }

        reader.TryRead(out _).ShouldBeFalse("the end stays the end");
        return messages;
    }
}
