using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Tests.Kernel.Netlink;

public class UnixSocketRecordTests
{
    [Fact]
    public void Every_field_is_where_the_kernel_puts_it()
    {
        byte[] bytes = [.. Support.Netlink.UnixRecord(5, 10, 0x1_0000_0002, "/run/a.sock", inode: 77, queues: (6, 5)), .. Support.Netlink.Attribute(1, 9, 0, 0, 0, 0x16, 0, 0x30, 0), .. Support.Netlink.Attribute(2, 8, 0, 0, 0), .. Support.Netlink.Attribute(7, 0xe8, 3, 0, 0)];

        var record = new UnixSocketRecord(bytes);

        record.Kind.ShouldBe(UnixSocketRecord.SequentialPacket);
        record.State.ShouldBe(TcpState.Listen);
        record.Inode.ShouldBe(77u);
        record.Cookie.ShouldBe(0x1_0000_0002ul);
        Encoding.UTF8.GetString(record.Name).ShouldBe("/run/a.sock");
        record.TryGetQueues(out uint queue, out uint limit).ShouldBeTrue();
        (queue, limit).ShouldBe((6u, 5u));
        record.File.ShouldBe(new UnixSocketFile(9, 0x300016));
        record.Peer.ShouldBe(8u);
        record.User.ShouldBe(1000u);
    }

    [Theory]
    [InlineData("/run/a.sock\0", "/run/a.sock")]
    [InlineData("/run/a.sock", "/run/a.sock")]
    [InlineData("\0a\0b", "\0a\0b")]
    public void A_path_ends_with_its_NUL_and_an_abstract_name_does_not(string told, string name) =>
        Encoding.UTF8.GetString(new UnixSocketRecord(Support.Netlink.UnixRecord(1, 10, 1, told)).Name).ShouldBe(name);

    [Theory]
    [InlineData(9ul, 3u, 22u, true)]
    [InlineData(0x7_0000_0009ul, 3u, 22u, true)]
    [InlineData(9ul, 3u, 23u, false)]
    [InlineData(9ul, 0u, 22u, false)]
    [InlineData(10ul, 3u, 22u, false)]
    public void A_file_is_told_by_its_inode_and_its_device(ulong inode, uint major, uint minor, bool isSame) => new UnixSocketFile(9, 0x300016).Is(inode, major, minor).ShouldBe(isSame);

    [Fact]
    public void What_is_not_told_is_not_there()
    {
        var record = new UnixSocketRecord(Support.Netlink.UnixRecord(2, 7, 1));

        record.Name.IsEmpty.ShouldBeTrue();
        record.TryGetQueues(out _, out _).ShouldBeFalse();
        record.File.ShouldBeNull();
        (record.Peer, record.User).ShouldBe((0u, 0u));
    }

    [Fact]
    public void No_truncation_is_misread()
    {
        byte[] whole = Support.Netlink.UnixRecord(1, 10, 1, "/run/abc.sock", queues: (6, 5));
        for (int length = 0; length < whole.Length; length++)
        {
            byte[] cut = whole[..length];
            bool isBetweenAttributes = length is 16 or 36 or 33 or 34 or 35;
            if (isBetweenAttributes)
            {
                _ = new UnixSocketRecord(cut);
            }
            else
            {
                Should.Throw<KernelReadException>(() => { _ = new UnixSocketRecord(cut).State; }, $"{length}").Kind.ShouldBe(FailureKind.Broken);
            }
        }
    }

    [Fact]
    public void Requests_are_as_the_kernel_reads_them()
    {
        byte[] unix = new byte[UnixDiagRequest.Size];
        new UnixDiagRequest(1 << 10, UnixDiagShow.Name | UnixDiagShow.Queues).Write(unix, 7);
        Convert.ToHexString(unix).ShouldBe("28000000" + "1400" + "0103" + "07000000" + "00000000" + "01000000" + "00040000" + "00000000" + "11000000" + "0000000000000000");

        byte[] udp = new byte[UdpDiagRequest.Size];
        new UdpDiagRequest(IsV6: true).Write(udp, 7);
        Convert.ToHexString(udp).ShouldBe("48000000" + "1400" + "0103" + "07000000" + "00000000" + "0A114000" + "FFFFFFFF" + new string('0', 96));
    }
}
