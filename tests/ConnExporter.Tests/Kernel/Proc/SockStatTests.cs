using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class SockStatTests
{
    private const string Path = "/proc/net/sockstat";

    [Theory]
    [InlineData("linux-4.19", 4)]
    [InlineData("linux-5.10", 4)]
    [InlineData("linux-6.18", 6)]
    public void The_line_TCP_is_read_on_every_kernel(string vintage, ulong orphans)
    {
        var stat = SockStat.Parse(Path, Fixture.Read(vintage, "net/sockstat"));

        (stat.InUse, stat.Orphans, stat.TimeWait).ShouldBe((81ul, orphans, 12ul));
        stat.MemoryPages.ShouldBeGreaterThan(1000ul);
        SockStat.ParseInUse6(Path, Fixture.Read(vintage, "net/sockstat6")).ShouldBe(14ul);
    }

    [Theory]
    [InlineData("sockets: used 95\nTCP: inuse 81 orphan 6 tw 12 alloc 96 mem 2740\nUDP: inuse 0 mem 0\n")]
    [InlineData("TCP: mem 2740 fresh 1 tw 12 orphan 6 inuse 81\n")]
    public void Fields_are_found_by_name_wherever_they_stand(string text) =>
        SockStat.Parse(Path, Bytes(text)).ShouldBe(new SockStat(81, 6, 12, 2740));

    [Fact]
    public void A_name_that_appears_as_a_value_is_no_field() =>
        ShouldBeBroken(() => SockStat.Parse(Path, Bytes("TCP: alloc inuse 81 orphan 6 tw 12 mem 1\n")), Path, "inuse", "alloc inuse 81");

    [Theory]
    [InlineData("", "a line TCP:", "''")]
    [InlineData("UDP: inuse 3 mem 1\n", "a line TCP:", "UDP: inuse 3")]
    [InlineData("TCP6: inuse 3\n", "a line TCP:", "TCP6: inuse 3")]
    [InlineData("TCP: inuse 81 orphan 6 alloc 96 mem 2740\n", "a field tw", "inuse 81 orphan 6 alloc 96")]
    [InlineData("TCP: inuse -1 orphan 6 tw 12 alloc 96 mem 2740\n", "a number after inuse", "inuse -1")]
    [InlineData("TCP: inuse 18446744073709551616 orphan 6 tw 12 mem 2740\n", "a number after inuse", "18446744073709551616")]
    [InlineData("TCP: inuse 81 orphan N/A tw 12 alloc 96 mem 2740\n", "a number after orphan", "orphan N/A")]
    [InlineData("TCP: inuse 81 orphan 6 tw 12 mem\n", "a number after mem", "tw 12 mem")]
    [InlineData("TCP: inuse 81 orphan 6 tw 12 mem 27", "a line end", "tw 12 mem 27")]
    [InlineData("\0\0\0\0", "a line end", @"\x00\x00\x00\x00")]
    public void Anything_else_is_refused(string text, string expected, string found) =>
        ShouldBeBroken(() => SockStat.Parse(Path, Bytes(text)), Path, expected, found);

    [Fact]
    public void Without_TCP6_the_number_of_IPv6_sockets_is_refused() =>
        ShouldBeBroken(() => SockStat.ParseInUse6("/proc/net/sockstat6", Bytes("UDP6: inuse 3\n")), "/proc/net/sockstat6", "TCP6:", "UDP6: inuse 3");

    [Fact]
    public void Every_truncation_is_refused_or_understood()
    {
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read("linux-6.18", "net/sockstat"), text => SockStat.Parse(Path, text));
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read("linux-6.18", "net/sockstat6"), text => SockStat.ParseInUse6(Path, text));
    }

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() => ParserProperties.NothingButRefusalsEscape(
        [Fixture.Read("linux-6.18", "net/sockstat"), Fixture.Read("linux-5.10", "net/sockstat6")],
        text =>
        {
            SockStat.Parse(Path, text);
            SockStat.ParseInUse6(Path, text);
        });
}
