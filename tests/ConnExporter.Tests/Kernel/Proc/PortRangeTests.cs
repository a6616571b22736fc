using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class PortRangeTests
{
    private const string Path = "/proc/sys/net/ipv4/ip_local_port_range";

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void The_range_is_read_on_every_kernel(string vintage)
    {
        var range = PortRange.Parse(Path, Fixture.Read(vintage, "sys/net/ipv4/ip_local_port_range"));

        range.ShouldBe(new PortRange(32768, 60999));
        range.Count.ShouldBe(28232);
    }

    [Theory]
    [InlineData("1\t65535\n", 65535)]
    [InlineData("5000\t5000\n", 1)]
    public void Both_ends_belong_to_it(string text, int count) => PortRange.Parse(Path, Bytes(text)).Count.ShouldBe(count);

    [Theory]
    [InlineData("", "''")]
    [InlineData("32768\n", "32768")]
    [InlineData("32768\t60999\t1\n", @"32768\x0960999\x091")]
    [InlineData("60999\t32768\n", @"60999\x0932768")]
    [InlineData("1\t65536\n", "65536")]
    [InlineData("-1\t60999\n", "-1")]
    [InlineData("32768\t609", @"32768\x09609")]
    public void Anything_else_is_refused(string text, string found) => ShouldBeBroken(() => PortRange.Parse(Path, Bytes(text)), Path, "expected", found);

    [Fact]
    public void Every_truncation_is_refused() => ParserProperties.EveryTruncationIsRefusedOrUnderstood(
        Bytes("1024\t60999\n"), text => PortRange.Parse(Path, text), (_, _) => false);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Bytes("32768\t60999\n"), Bytes("1 2\n")], text => PortRange.Parse(Path, text));
}
