using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public class TcpTablesTests
{
    [Theory]
    [InlineData("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0", "127.0.0.1 8080 0.0.0.0 0 Listen 3 0 0 12345 full")]
    [InlineData("   1: 0100007F:CAFE 0200007F:1F90 01 00000010:00000020 04:00000064 00000002     0        0 777 2 0 20 4 30 10 -1", "127.0.0.1 51966 127.0.0.2 8080 Established 32 16 2 777 full zero-window")]
    [InlineData("   2: 0100007F:CAFE 0200007F:1F90 06 00000000:00000000 03:00000BB8 00000000     0        0 0 3 0", "127.0.0.1 51966 127.0.0.2 8080 TimeWait 0 0 0 0 minisocket 30")]
    [InlineData("   3: 0100007F:1F90 0200007F:CAFE 03 00000000:00000000 01:00000064 00000001     0        0 0 1 0", "127.0.0.1 8080 127.0.0.2 51966 SynRecv 0 0 1 0 request")]
    [InlineData("   4: 00000000000000000000000001000000:1F90 0000000000000000FFFF00000200000A:CAFE 08 00000000:00000001 00:00000000 00000000    33        0 99 1 0 20 4 30 10 -1", "::1 8080 10.0.0.2 51966 CloseWait 1 0 0 99 full")]
    public void A_line_is_the_record_of_its_socket(string line, string expected)
    {
        byte[] record = new byte[128];
        var socket = new SocketRecord(record.AsSpan(0, TcpTables.Parse("tcp", Encoding.ASCII.GetBytes(line), record)));

        string kind = socket.IsFullSocket ? "full" : socket.IsTimeWaitMinisocket ? $"minisocket {socket.Expires.TotalSeconds}" : "request";
        $"{socket.LocalAddress} {socket.LocalPort} {socket.RemoteAddress} {socket.RemotePort} {socket.State} {socket.ReceiveQueue} {socket.SendQueue} {socket.Retransmits} {socket.Inode} {kind}{(socket.IsProbingZeroWindow ? " zero-window" : "")}"
            .ShouldBe(expected);
    }

    [Theory]
    [InlineData("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000")]
    [InlineData("   0: 0100007:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 12345 1")]
    [InlineData("   0: 0100007F:1F90 00000000000000000000000001000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 12345 1")]
    [InlineData("   0: 0100007F:11F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 12345 1")]
    [InlineData("   0: 0100007F:1F90 00000000:0000 0A 0000000000000003 00:00000000 00000000  1000        0 12345 1")]
    [InlineData("")]
    public void Anything_else_is_refused(string line) =>
        Should.Throw<KernelReadException>(() => TcpTables.Parse("tcp", Encoding.ASCII.GetBytes(line), new byte[128])).Message.ShouldContain("tcp: expected a socket's line");
}
