using System.Buffers.Binary;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Netlink;

public sealed class SocketLookupTests : IDisposable
{
    private const int NoEntry = 2;
    private static readonly InetAddress Local = InetAddress.ReadV4([192, 0, 2, 1]);
    private static readonly InetAddress Remote = InetAddress.ReadV4([198, 51, 100, 7]);
    private readonly FakeKernel kernel = new();

    public void Dispose() => kernel.Dispose();

    [Fact]
    public async Task Each_port_is_a_question_of_its_own_and_those_that_are_there_are_told()
    {
        List<(ushort, TcpState)> found = [];
        ushort[] ports = [.. Enumerable.Range(20000, 100).Select(port => (ushort)port)];
        var asking = Task.Run(() => SocketLookup.Ask(kernel.Socket, Local, Remote, 443, 7, ports, (ushort port, in SocketRecord socket) => found.Add((port, socket.State))));

        int asked = 0;
        foreach (int batch in (int[])[SocketLookup.Batch, 100 - SocketLookup.Batch])
        {
            byte[] requests = Received();
            requests.Length.ShouldBe(batch * 72);
            for (int i = 0; i < batch; i++, asked++)
            {
                ReadOnlySpan<byte> request = requests.AsSpan(i * 72, 72);
                BinaryPrimitives.ReadUInt16LittleEndian(request[4..]).ShouldBe((ushort)20);
                BinaryPrimitives.ReadUInt16LittleEndian(request[6..]).ShouldBe((ushort)1, "no dump");
                request[16..18].ToArray().ShouldBe([2, 6]);
                BinaryPrimitives.ReadUInt16BigEndian(request[24..]).ShouldBe(ports[asked]);
                BinaryPrimitives.ReadUInt16BigEndian(request[26..]).ShouldBe((ushort)443);
                request[28..32].ToArray().ShouldBe([192, 0, 2, 1]);
                request[44..48].ToArray().ShouldBe([198, 51, 100, 7]);
                BinaryPrimitives.ReadUInt32LittleEndian(request[60..]).ShouldBe(7u);
                request[64..72].ToArray().ShouldAllBe(one => one == 0xff);
                uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(request[8..]);
                kernel.Answer(ports[asked] % 10 == 0
                    ? Support.Netlink.Message(Support.Netlink.SockDiagByFamily, sequence, Support.Netlink.Record(state: (byte)TcpState.TimeWait))
                    : Support.Netlink.Verdict(Support.Netlink.Error, sequence, NoEntry));
            }
        }

        await asking.WaitAsync(TimeSpan.FromSeconds(10));
        found.Select(one => (int)one.Item1).ShouldBe(Enumerable.Range(2000, 10).Select(ten => ten * 10));
        found.ShouldAllBe(one => one.Item2 == TcpState.TimeWait);
    }

    [Theory]
    [InlineData(1, 13, FailureKind.Denied)]
    [InlineData(2, 2, FailureKind.Broken)]
    public async Task A_refusal_and_an_answer_to_something_else_end_it(uint behind, int errno, FailureKind kind)
    {
        Task<FailureKind> asking = Task.Run(() => Should.Throw<KernelReadException>(() => SocketLookup.Ask(kernel.Socket, Local, Remote, 443, 0, [20000], (ushort _, in SocketRecord _) => { })).Kind);

        uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(Received().AsSpan(8));
        kernel.Answer(Support.Netlink.Verdict(Support.Netlink.Error, sequence + behind - 1, errno));

        (await asking.WaitAsync(TimeSpan.FromSeconds(10))).ShouldBe(kind);
    }

    private byte[] Received()
    {
        kernel.HasRequest(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        return kernel.Received();
    }
}
