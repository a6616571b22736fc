using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public class NameValueLinesTests
{
    private static readonly byte[][] Names = ["Udp6InDatagrams"u8.ToArray(), "Udp6RcvbufErrors"u8.ToArray()];

    [Theory]
    [InlineData("Ip6InReceives   \t5\nUdp6InDatagrams\t7\nUdp6RcvbufErrors  9\n", 7ul, 9ul, 0)]
    [InlineData("Udp6RcvbufErrors 9\n", null, 9ul, 0)]
    [InlineData("Udp6InDatagrams -1\nUdp6RcvbufErrors 18446744073709551615\n", null, ulong.MaxValue, 1)]
    [InlineData("Udp6InDatagramsX 4\n", null, null, 0)]
    public void Values_are_picked_by_name(string text, ulong? first, ulong? second, int rejected)
    {
        ulong?[] values = new ulong?[2];

        NameValueLines.Parse("snmp6", Encoding.ASCII.GetBytes(text), Names, values).ShouldBe(rejected);

        values.ShouldBe([first, second]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Udp6InDatagrams\n")]
    [InlineData("Udp6InDatagrams 1 2\n")]
    [InlineData("Udp6InDatagrams 1")]
    public void What_is_no_such_file_is_broken_and_gives_nothing(string text)
    {
        ulong?[] values = [1, 2];

        Should.Throw<KernelReadException>(() => NameValueLines.Parse("snmp6", Encoding.ASCII.GetBytes(text), Names, values)).Kind.ShouldBe(FailureKind.Broken);

        values.ShouldBe([null, null]);
    }
}
