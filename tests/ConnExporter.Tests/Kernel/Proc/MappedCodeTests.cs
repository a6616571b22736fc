using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public sealed class MappedCodeTests
{
    private const string Own = "/usr/bin/conn-exporter";

    [Fact]
    public void What_is_read_only_and_the_files_own_is_found()
    {
        MappedCode.Mapping found = Find(Entry("5600-5700 r-xp 00001000 fe:00 14", Own, resident: 64, anonymous: 0)).ShouldHaveSingleItem();

        found.ShouldBe(new MappedCode.Mapping(0x5600, 0x5700, 64 * 1024));
    }

    [Theory]
    [InlineData("rw-p", Own, 64, 0)]
    [InlineData("---p", Own, 64, 0)]
    [InlineData("r-xp", "/usr/lib/libc.so.6", 64, 0)]
    [InlineData("r-xp", Own + "-other", 64, 0)]
    [InlineData("r-xp", Own, 0, 0)]
    public void What_can_be_written_to_is_anothers_or_not_there_is_left_alone(string access, string file, int resident, int anonymous) =>
        Find(Entry($"5600-5700 {access} 00001000 fe:00 14", file, resident, anonymous)).ShouldBeEmpty();

    [Fact]
    public void A_page_of_its_own_would_be_lost_so_the_mapping_is_left_alone() =>
        Find(Entry("5600-5700 r-xp 00001000 fe:00 14", Own, resident: 64, anonymous: 4)).ShouldBeEmpty();

    [Theory]
    [InlineData("5700-5600 r-xp 00001000 fe:00 14")]
    [InlineData("zz-5600 r-xp 00001000 fe:00 14")]
    [InlineData("5600 r-xp 00001000 fe:00 14")]
    public void An_entry_that_is_anything_else_is_refused(string head) =>
        Should.Throw<KernelReadException>(() => Find(Entry(head, Own, resident: 64, anonymous: 0))).Message.ShouldContain("two addresses");

    [Fact]
    public void The_real_file_is_understood_and_giving_back_leaves_the_program_running()
    {
        Find(File.ReadAllText("/proc/self/smaps"), Environment.ProcessPath!).ShouldNotBeEmpty();
        MappedCode.GiveBack().ShouldBeGreaterThan(0);
    }

    private static string Entry(string head, string file, int resident, int anonymous) => $"""
        {head}                          {file}
        Size:                256 kB
        KernelPageSize:        4 kB
        Rss:                  {resident} kB
        Anonymous:             {anonymous} kB
        VmFlags: rd ex mr mw me
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
        Rss:                   0 kB
        Anonymous:             0 kB

        """;

    private static MappedCode.Mapping[] Find(string smaps, string file = Own) => [.. MappedCode.Find("/proc/self/smaps", Encoding.UTF8.GetBytes(smaps), file)];
}
