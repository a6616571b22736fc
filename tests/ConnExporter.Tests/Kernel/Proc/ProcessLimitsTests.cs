using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class ProcessLimitsTests
{
    private const string Path = "/proc/413/limits";

    [Theory]
    [InlineData("413/limits", 1024, 524288)]
    [InlineData("958/limits", 1048576, 1048576)]
    [InlineData("2210/limits", 128, 128)]
    public void Both_limits_of_open_files_are_read(string file, ulong soft, ulong hard) => Parse(Fixture.Read("linux-5.10", file)).ShouldBe(new OpenFilesLimits(soft, hard));

    [Fact]
    public void Unlimited_is_the_largest_number() =>
        Parse(Bytes("Limit                     Soft Limit           Hard Limit           Units     \nMax open files            unlimited            unlimited            files     \n"))
            .ShouldBe(new OpenFilesLimits(ulong.MaxValue, ulong.MaxValue));

    [Theory]
    [InlineData("", "a line 'Max open files'", "''")]
    [InlineData("Max processes 1 2 processes\n", "a line 'Max open files'", "Max processes 1 2")]
    [InlineData("Max open files            1024                 a few                files     \n", "two numbers after 'Max open files'", "a few")]
    [InlineData("Max open files\n", "a line 'Max open files'", "Max open files")]
    [InlineData("Max open files            many                 4096                 files     \n", "two numbers after 'Max open files'", "many")]
    [InlineData("Max open files            -1                   4096                 files     \n", "two numbers after 'Max open files'", "-1")]
    [InlineData("Max open files            10", "a line end", "Max open files            10")]
    public void Anything_else_is_refused(string text, string expected, string found) => ShouldBeBroken(() => Parse(Bytes(text)), Path, expected, found);

    [Fact]
    public void Every_truncation_is_refused_or_understood() => ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read("linux-6.18", "413/limits"), Parse);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Fixture.Read("linux-6.18", "413/limits"), Bytes("Max open files 1 2 files\n")], text => Parse(text));

    private static OpenFilesLimits Parse(byte[] text) => ProcessLimits.ParseOpenFiles(Path, text);
}
