using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class MemoryLimitsTests
{
    private const string Path = "/proc/sys/net/ipv4/tcp_mem";

    [Theory]
    [InlineData("linux-4.19", 45738, 60985, 91476)]
    [InlineData("linux-6.18", 287901, 383868, 575802)]
    public void Three_thresholds_are_read_on_every_kernel(string vintage, ulong low, ulong pressure, ulong limit) =>
        MemoryLimits.Parse(Path, Fixture.Read(vintage, "sys/net/ipv4/tcp_mem")).ShouldBe(new MemoryLimits(low, pressure, limit));

    [Theory]
    [InlineData("", "''")]
    [InlineData("1\t2\n", @"1\x092")]
    [InlineData("1\t2\t3\t4\n", @"1\x092\x093\x094")]
    [InlineData("1\t2\tN/A\n", "N/A")]
    [InlineData("1\t2\t3", @"1\x092\x093")]
    public void Anything_else_is_refused(string text, string found) => ShouldBeBroken(() => MemoryLimits.Parse(Path, Bytes(text)), Path, "expected", found);

    [Fact]
    public void Every_truncation_is_refused() => ParserProperties.EveryTruncationIsRefusedOrUnderstood(
        Fixture.Read("linux-6.18", "sys/net/ipv4/tcp_mem"), text => MemoryLimits.Parse(Path, text), (_, _) => false);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Fixture.Read("linux-6.18", "sys/net/ipv4/tcp_mem"), Bytes("1 2 3\n")], text => MemoryLimits.Parse(Path, text));
}
