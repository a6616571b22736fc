using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Tests.Kernel.Netlink;

public class SockDiagRequestTests
{
    [Fact]
    public void The_bytes_are_those_of_nlmsghdr_and_inet_diag_req()
    {
        byte[] buffer = new byte[SockDiagRequest.Size];
        Array.Fill(buffer, (byte)0xee);

        new SockDiagRequest(0x400, SockDiagRequest.SocketMemory).Write(buffer, 0x01020304);

        buffer.ShouldBe(
        [
            // length 76, type TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP, sequence, port 0
            76, 0, 0, 0, 18, 0, 0x01, 0x03, 4, 3, 2, 1, 0, 0, 0, 0,

            // family, lengths of addresses, extensions
            0, 0, 0, 0x40,

            // struct inet_diag_sockid: no filter
            .. new byte[48],

            // states, dbs
            0x00, 0x04, 0, 0, 0, 0, 0, 0,
        ]);
    }

    [Fact]
    public void A_buffer_that_is_larger_keeps_what_follows()
    {
        byte[] buffer = new byte[SockDiagRequest.Size + 1];
        buffer[^1] = 0xee;

        new SockDiagRequest(SockDiagRequest.AllStates).Write(buffer, 1);

        buffer[^1].ShouldBe((byte)0xee);
        buffer[68..70].ShouldBe([0xff, 0x0f]);
    }

    [Fact]
    public void A_buffer_that_is_too_small_is_our_own_mistake() =>
        Should.Throw<ArgumentOutOfRangeException>(() => new SockDiagRequest(1).Write(new byte[SockDiagRequest.Size - 1], 1));

    [Theory]
    [InlineData(TcpState.Established, 0x002u)]
    [InlineData(TcpState.Listen, 0x400u)]
    [InlineData(TcpState.Closing, 0x800u)]
    public void A_state_has_its_bit(TcpState state, uint bit)
    {
        SockDiagRequest.Bit(state).ShouldBe(bit);
        (SockDiagRequest.AllStates & bit).ShouldBe(bit);
    }

    [Fact]
    public void A_destination_is_one_condition_of_the_kernels_filter()
    {
        byte[] buffer = new byte[1024];
        Array.Fill(buffer, (byte)0xee);
        var request = new SockDiagRequest(0xbbf) { To = [(InetAddress.ReadV4([192, 0, 2, 7]), 443)] };

        int length = request.Write(buffer, 1);

        length.ShouldBe(SockDiagRequest.Size + 20);
        buffer[0].ShouldBe((byte)length);
        buffer[SockDiagRequest.Size..length].ShouldBe(
        [
            // INET_DIAG_REQ_BYTECODE
            20, 0, 1, 0,

            // D_COND: 16 on when it holds, 20 when not, which is past the end
            8, 16, 20, 0,

            // AF_INET, 32 bits, port as a number of this machine, address
            2, 32, 0, 0, 0xbb, 1, 0, 0, 192, 0, 2, 7,
        ]);
        buffer[length].ShouldBe((byte)0xee);
    }

    [Fact]
    public void So_is_one_of_IPv6()
    {
        byte[] buffer = new byte[1024];
        byte[] address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

        new SockDiagRequest(1) { To = [(InetAddress.ReadV6(address), 80)] }.Write(buffer, 1).ShouldBe(SockDiagRequest.Size + 32);

        buffer[SockDiagRequest.Size..(SockDiagRequest.Size + 32)].ShouldBe([32, 0, 1, 0, 8, 28, 32, 0, 10, 128, 0, 0, 80, 0, 0, 0, .. address]);
    }

    [Fact]
    public void Several_destinations_are_one_condition_each_and_jumps_to_the_end()
    {
        byte[] buffer = new byte[1024];
        byte[] address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        var request = new SockDiagRequest(1) { To = [(InetAddress.ReadV4([192, 0, 2, 7]), 443), (InetAddress.ReadV6(address), 80), (InetAddress.ReadV4([192, 0, 2, 8]), 443)] };

        int length = request.Write(buffer, 1);

        length.ShouldBe(SockDiagRequest.Size + 72);
        buffer[SockDiagRequest.Size..length].ShouldBe(
        [
            72, 0, 1, 0,

            // When it holds to the jump behind it, else over that.
            8, 16, 20, 0, 2, 32, 0, 0, 0xbb, 1, 0, 0, 192, 0, 2, 7,
            1, 4, 52, 0,
            8, 28, 32, 0, 10, 128, 0, 0, 80, 0, 0, 0, .. address,
            1, 4, 20, 0,

            // The last: to the end, else past it.
            8, 16, 20, 0, 2, 32, 0, 0, 0xbb, 1, 0, 0, 192, 0, 2, 8,
        ]);
    }

    [Fact]
    public void As_many_destinations_as_there_may_be_fit_and_more_are_refused()
    {
        byte[] buffer = new byte[1024];
        byte[] address = new byte[16];
        (InetAddress, ushort)[] most = [.. Enumerable.Range(1, SockDiagRequest.MostEnds).Select(port => (InetAddress.ReadV6([.. address[..15], 1]), (ushort)port))];

        var request = new SockDiagRequest(1) { To = most };
        request.Write(buffer, 1).ShouldBe(request.Length);
        Should.Throw<ArgumentOutOfRangeException>(() => new SockDiagRequest(1) { To = [.. most, most[0]] });
        Should.Throw<ArgumentOutOfRangeException>(() => new SockDiagRequest(1) { To = [] });
    }
}
