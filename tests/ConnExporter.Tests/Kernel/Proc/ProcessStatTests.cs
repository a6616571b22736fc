using System.Text;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class ProcessStatTests
{
    private const string Path = "/proc/413/stat";
    private const string Rest = " S 1 413 413 0 -1 4194560 4521 23454 3 17 91022 187744 77 105 20 0 61 0 912 57344000 2415 18446744073709551615 1 1 0\n";

    private static readonly ProcessStat Expected = new(Pid: 413, UserTicks: 91022, SystemTicks: 187744, Threads: 61, StartTicks: 912, VirtualBytes: 57344000, ResidentPages: 2415);

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void The_fields_are_read_on_every_kernel(string vintage) =>
        Parse(Fixture.Read(vintage, "413/stat")).ShouldBe(("nginx", Expected with { Threads = 1 }));

    [Theory]
    [InlineData("nginx")]
    [InlineData("(sd-pam)")]
    [InlineData("irq (old) 9")]
    [InlineData(") S 1 2 3")]
    [InlineData("two\nlines")]
    [InlineData("")]
    public void A_name_may_hold_blanks_parentheses_and_line_ends(string name) => Parse(Bytes($"413 ({name}){Rest}")).ShouldBe((name, Expected));

    [Fact]
    public void A_name_is_bytes_not_text()
    {
        byte[] text = [.. Bytes("413 ("), 0xff, 0x00, .. Bytes(")" + Rest)];

        ProcessStat.Parse(Path, text, out ReadOnlySpan<byte> name);

        name.ToArray().ShouldBe([0xff, 0x00]);
    }

    [Theory]
    [InlineData("", "a process id and a name in parentheses", "''")]
    [InlineData("413 nginx S 1 413\n", "a process id and a name in parentheses", "413 nginx S")]
    [InlineData("413 )nginx( S 1 413\n", "a process id and a name in parentheses", "413 )nginx(")]
    [InlineData("413 (nginx) S 1 413 413 0 -1 4194560 4521 23454 3 17 91022\n", "24 fields", "413 (nginx)")]
    [InlineData("413 (nginx) S 1 413 413 0 -1 4194560 4521 23454 3 17 -5 187744 77 105 20 0 61 0 912 57344000 2415 1\n", "a number in field 14", "-5")]
    [InlineData("413 (nginx) S 1 413 413 0 -1 4194560 4521 23454 3 17 1 2 77 105 20 0 61 0 9x 57344000 2415 1\n", "a number in field 22", "9x")]
    [InlineData("413 (nginx) S 1 413 413 0 -1 4194560 4521 23454 3 17 1 2 77 105 20 0 61 0 912 57344000 24", "a line end", "413 (nginx)")]
    public void Anything_else_is_refused(string text, string expected, string found) => ShouldBeBroken(() => Parse(Bytes(text)), Path, expected, found);

    [Fact]
    public void Every_truncation_is_refused() =>
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(Fixture.Read("linux-6.18", "57/stat"), Parse, (_, _) => false);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Fixture.Read("linux-6.18", "413/stat"), Fixture.Read("linux-6.18", "57/stat")], text => Parse(text));

    private static (string Name, ProcessStat Stat) Parse(byte[] text)
    {
        var stat = ProcessStat.Parse(Path, text, out ReadOnlySpan<byte> name);
        return (Encoding.UTF8.GetString(name), stat);
    }
}
