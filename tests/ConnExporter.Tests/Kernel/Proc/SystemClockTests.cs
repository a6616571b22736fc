using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class SystemClockTests
{
    private const string Path = "/proc/stat";

    [Theory]
    [InlineData("linux-4.19", 1577836800)]
    [InlineData("linux-5.10", 1704067200)]
    [InlineData("linux-6.18", 1767225600)]
    public void The_start_of_the_machine_is_read(string vintage, ulong seconds) => SystemClock.ParseBootTime(Path, Fixture.Read(vintage, "stat")).ShouldBe(seconds);

    [Fact]
    public void This_machine_has_ticks_and_pages()
    {
        SystemClock.TicksPerSecond.ShouldBeGreaterThan(0);
        SystemClock.PageSize.ShouldBeGreaterThanOrEqualTo(4096);
    }

    [Theory]
    [InlineData("", "a line btime", "''")]
    [InlineData("cpu  1 2 3\nctxt 5\n", "a line btime", "cpu  1 2 3")]
    [InlineData("cpu  1 2 3\nbtime\n", "a line btime", "cpu  1 2 3")]
    [InlineData("cpu  1 2 3\nbtime -5\n", "a number after btime", "btime -5")]
    [InlineData("cpu  1 2 3\nbtime 15 16\n", "a number after btime", "btime 15 16")]
    [InlineData("cpu  1 2 3\nbtime 15778", "a line end", "btime 15778")]
    public void Anything_else_is_refused(string text, string expected, string found) =>
        ShouldBeBroken(() => SystemClock.ParseBootTime(Path, Bytes(text)), Path, expected, found);

    [Fact]
    public void Every_truncation_is_refused_or_understood() =>
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read("linux-6.18", "stat"), text => SystemClock.ParseBootTime(Path, text));

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Fixture.Read("linux-6.18", "stat"), Bytes("btime 5\n")], text => SystemClock.ParseBootTime(Path, text));
}
