using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class ProcessLimitsTests
{
    private const string Path = "/proc/413/limits";

    [Theory]
    [InlineData("413/limits", 1024)]
    [InlineData("958/limits", 1048576)]
    [InlineData("2210/limits", 128)]
    public void The_soft_limit_of_open_files_is_read(string file, ulong limit) => Parse(Fixture.Read("linux-5.10", file)).ShouldBe(limit);

    [Theory]
    [InlineData("Max open files            1024                 524288               files     \n", 1024, 524288)]
    [InlineData("Max open files            1024                 unlimited            files     \n", 1024, ulong.MaxValue)]
    public void The_hard_limit_stands_beside_it(string text, ulong soft, ulong hard) => ProcessLimits.ParseOpenFiles(Path, Bytes(text)).ShouldBe((soft, hard));

    [Fact]
    public void Unlimited_is_the_largest_number() =>
        Parse(Bytes("Limit                     Soft Limit           Hard Limit           Units     \nMax open files            unlimited            unlimited            files     \n"))
            .ShouldBe(ulong.MaxValue);

    [Theory]
    [InlineData("", "a line 'Max open files'", "''")]
    [InlineData("Max processes 1 2 processes\n", "a line 'Max open files'", "Max processes 1 2")]
    [InlineData("Max open files\n", "a line 'Max open files'", "Max open files")]
    [InlineData("Max open files            many                 4096                 files     \n", "a number after 'Max open files'", "many")]
    [InlineData("Max open files            -1                   4096                 files     \n", "a number after 'Max open files'", "-1")]
    [InlineData("Max open files            1024\n", "a line 'Max open files' with two limits", "1024")]
    [InlineData("Max open files            10", "a line end", "Max open files            10")]
    public void Anything_else_is_refused(string text, string expected, string found) => ShouldBeBroken(() => Parse(Bytes(text)), Path, expected, found);

    [Fact]
    public void Every_truncation_is_refused_or_understood() => ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read("linux-6.18", "413/limits"), Parse);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Fixture.Read("linux-6.18", "413/limits"), Bytes("Max open files 1 2 files\n")], text => Parse(text));

    private static ulong Parse(byte[] text) => ProcessLimits.ParseSoftOpenFiles(Path, text);
}
