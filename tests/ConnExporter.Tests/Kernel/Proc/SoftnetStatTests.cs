using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public class SoftnetStatTests
{
    [Theory]
    [InlineData("00085e2f 00000003 00000002 00000000 00000000\n0007cc7e 00000001 00000001 00000000 00000000\n", 0x85e2ful + 0x7cc7e, 4ul, 3ul)]
    [InlineData("ffffffff ffffffff ffffffff\nffffffff ffffffff ffffffff\n", 2ul * uint.MaxValue, 2ul * uint.MaxValue, 2ul * uint.MaxValue)]
    [InlineData("1 0 0\n", 1ul, 0ul, 0ul)]
    public void The_first_three_columns_are_summed_over_the_processors(string text, ulong processed, ulong dropped, ulong squeezed) =>
        SoftnetStat.Parse("softnet_stat", System.Text.Encoding.ASCII.GetBytes(text)).ShouldBe(new SoftnetStat(processed, dropped, squeezed));

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("00085e2f 00000003\n")]
    [InlineData("00085e2f 0000000x 00000002\n")]
    [InlineData("100000000 0 0\n")]
    [InlineData("00085e2f 00000003 0000")]
    public void What_is_no_such_table_is_broken_and_not_0(string text) =>
        Should.Throw<KernelReadException>(() => SoftnetStat.Parse("softnet_stat", System.Text.Encoding.ASCII.GetBytes(text))).Kind.ShouldBe(FailureKind.Broken);
}
