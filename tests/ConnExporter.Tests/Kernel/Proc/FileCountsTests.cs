using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class FileCountsTests
{
    private const string Path = "/proc/sys/fs/file-nr";

    [Theory]
    [InlineData("linux-4.19", 992, 98304)]
    [InlineData("linux-5.10", 1312, 102400)]
    [InlineData("linux-6.18", 2144, 9223372036854775807)]
    public void Open_files_and_their_limit_are_read_on_every_kernel(string vintage, ulong allocated, ulong limit) =>
        FileCounts.Parse(Path, Fixture.Read(vintage, "sys/fs/file-nr")).ShouldBe(new FileCounts(allocated, limit));

    [Theory]
    [InlineData("100\t40\t1000\n", 60)]
    [InlineData("100\t400\t1000\n", 0)]
    public void What_old_kernels_kept_free_is_not_open(string text, ulong allocated) => FileCounts.Parse(Path, Bytes(text)).Allocated.ShouldBe(allocated);

    [Theory]
    [InlineData("", "''")]
    [InlineData("1\t0\n", @"1\x090")]
    [InlineData("1\t0\t3\t4\n", @"1\x090\x093\x094")]
    [InlineData("1\t-1\t3\n", "-1")]
    [InlineData("1\t0\t18446744073709551616\n", "18446744073709551616")]
    [InlineData("1\t0\t922", @"1\x090\x09922")]
    public void Anything_else_is_refused(string text, string found) => ShouldBeBroken(() => FileCounts.Parse(Path, Bytes(text)), Path, "expected", found);

    [Fact]
    public void Every_truncation_is_refused() => ParserProperties.EveryTruncationIsRefusedOrUnderstood(
        Fixture.Read("linux-6.18", "sys/fs/file-nr"), text => FileCounts.Parse(Path, text), (_, _) => false);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Fixture.Read("linux-6.18", "sys/fs/file-nr"), Bytes("1 2 3\n")], text => FileCounts.Parse(Path, text));
}
