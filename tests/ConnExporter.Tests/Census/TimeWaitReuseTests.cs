using System.Text;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Tests.Census;

public class TimeWaitReuseTests
{
    // In TIME_WAIT for as long as it lasts less what is left of it: 60 s in the mainline kernel, else as net.ipv4.tcp_tw_timeout says.
    [Theory]
    [InlineData(60, 59.5, false)]
    [InlineData(60, 58.5, true)]
    [InlineData(15, 14.5, false)]
    [InlineData(15, 13.5, true)]
    [InlineData(600, 300, true)]
    [InlineData(15, 40, true)]
    [InlineData(15, 59.5, false)]
    [InlineData(15, 300, false)]
    public void A_socket_may_be_taken_over_after_a_second_of_however_long_it_waits(int length, double left, bool permits)
    {
        byte[] record = new byte[128];
        string line = $"   2: 0100007F:CAFE 0200007F:1F90 06 00000000:00000000 03:{(int)(left * SystemClock.TicksPerSecond):X8} 00000000     0        0 0 3 0";
        var socket = new SocketRecord(record.AsSpan(0, TcpTables.Parse("tcp", Encoding.ASCII.GetBytes(line), record)));

        new TimeWaitReuse(Mode: 1, Timestamps: true, TimeSpan.FromSeconds(1)) { Length = TimeSpan.FromSeconds(length) }.Permits(socket).ShouldBe(permits);
    }
}
