using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class PortSetTests
{
    private const string Path = "/proc/sys/net/ipv4/ip_local_reserved_ports";

    [Theory]
    [InlineData("linux-4.19")]
    [InlineData("linux-5.10")]
    [InlineData("linux-6.18")]
    public void Ports_and_ranges_are_read_on_every_kernel(string vintage)
    {
        PortSet set = Parse(Fixture.Read(vintage, "sys/net/ipv4/ip_local_reserved_ports"));

        Members(set).ShouldBe([33000, .. Enumerable.Range(40000, 10), 59999]);
        set.CountIn(32768, 60999).ShouldBe(12);
    }

    [Fact]
    public void An_empty_line_is_the_empty_set() => Members(Parse(Bytes("\n"))).ShouldBeEmpty();

    [Theory]
    [InlineData("0\n", 0, 0)]
    [InlineData("65535\n", 65535, 65535)]
    [InlineData("0-65535\n", 0, 65535)]
    [InlineData("8-8\n", 8, 8)]
    public void The_ends_of_a_range_belong_to_it(string text, int first, int last) => Members(Parse(Bytes(text))).ShouldBe(Enumerable.Range(first, last - first + 1));

    [Fact]
    public void Only_ports_inside_a_range_are_counted()
    {
        PortSet set = Parse(Bytes("10-20,30\n"));

        set.CountIn(15, 30).ShouldBe(7);
        set.CountIn(20, 20).ShouldBe(1);
        set.CountIn(21, 29).ShouldBe(0);
        set.CountIn(ushort.MaxValue, ushort.MaxValue).ShouldBe(0);
        set.CountIn(30, 10).ShouldBe(0);
    }

    [Theory]
    [InlineData("", "''")]
    [InlineData("8080", "8080")]
    [InlineData("8080,909", "8080,909")]
    [InlineData("8080,\n", "''")]
    [InlineData(",8080\n", "''")]
    [InlineData("8080;9090\n", "8080;9090")]
    [InlineData("8080 9090\n", "8080 9090")]
    [InlineData("8080\n9090\n", @"8080\x0a9090")]
    [InlineData("65536\n", "65536")]
    [InlineData("-1\n", "-1")]
    [InlineData("9-\n", "9-")]
    [InlineData("20-10\n", "20-10")]
    [InlineData("1-2-3\n", "1-2-3")]
    [InlineData("18446744073709551617\n", "18446744073709551617")]
    [InlineData("\0\n", @"\x00")]
    public void Anything_else_is_refused(string text, string found) => ShouldBeBroken(() => Parse(Bytes(text)), Path, "expected", found);

    [Fact]
    public void Every_truncation_is_refused() => ParserProperties.EveryTruncationIsRefusedOrUnderstood(
        Fixture.Read("linux-6.18", "sys/net/ipv4/ip_local_reserved_ports"), text => Parse(text).CountIn(0, ushort.MaxValue), (_, _) => false);

    [Fact]
    public void Damaged_files_are_refused_and_nothing_worse() =>
        ParserProperties.NothingButRefusalsEscape([Bytes("33000,40000-40009,59999\n"), Bytes("\n"), Bytes("0-65535\n")], text => Parse(text));

    [Theory]
    [InlineData("\n", "")]
    [InlineData("8080\n", "8080")]
    [InlineData("10-20,30\n", "10-20,30")]
    [InlineData("0,65535\n", "0,65535")]
    [InlineData("10-20,21,22-30\n", "10-30")]
    public void It_is_written_as_the_kernel_takes_it(string text, string written) => Parse(Bytes(text)).ToString().ShouldBe(written);

    [Fact]
    public void More_ports_make_another_set()
    {
        PortSet set = Parse(Bytes("9000\n"));

        set.With([9001, 80, 9000]).ToString().ShouldBe("80,9000-9001");
        set.ToString().ShouldBe("9000");
    }

    private static PortSet Parse(byte[] text) => PortSet.Parse(Path, text);

    private static IEnumerable<int> Members(PortSet set) => Enumerable.Range(0, ushort.MaxValue + 1).Where(port => set.Contains((ushort)port));
}
