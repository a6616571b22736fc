using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Census;

public class ConntrackTopTests
{
    [Fact]
    public void It_tells_who_fills_the_table()
    {
        ConntrackTop top = Read(
            [
                .. Enumerable.Range(0, 500).Select(i => Tcp("10.0.0.66", $"10.1.{i / 250}.{i % 250}", 22, "SYN_SENT")),
                .. Enumerable.Range(0, 300).Select(i => Tcp($"10.0.1.{i % 200}", "10.0.0.9", 443, "ESTABLISHED")),
                .. Enumerable.Repeat("ipv4 2 udp 17 29 src=10.0.0.5 dst=10.0.0.53 sport=40000 dport=53 src=10.0.0.53 dst=10.0.0.5 sport=53 dport=40000 mark=0 use=2", 40),
                "ipv4 2 icmp 1 29 src=10.0.0.5 dst=10.0.0.1 type=8 code=0 id=3 src=10.0.0.1 dst=10.0.0.5 type=0 code=0 id=3 mark=0 use=2",
            ]);

        top.Entries.ShouldBe(841ul);
        top.IsWhole.ShouldBeTrue();
        top.Sources[0].ShouldBe(new ConntrackTop.Row("10.0.0.66", 500));
        top.Destinations[0].ShouldBe(new ConntrackTop.Row("10.0.0.9:443 tcp", 300));
        top.Destinations[1].ShouldBe(new ConntrackTop.Row("10.0.0.53:53 udp", 40));
        top.Sources.Length.ShouldBe(ConntrackTop.Shown);
        top.Protocols.ShouldBe([new("tcp", 800), new("udp", 40), new("icmp", 1)]);
        top.States.ShouldBe([new("SYN_SENT", 500), new("ESTABLISHED", 300)]);
    }

    [Fact]
    public void It_ends_at_its_bound_and_says_so()
    {
        ConntrackTop top = Read([.. Enumerable.Repeat(Tcp("10.0.0.1", "10.0.0.2", 80, "ESTABLISHED"), 20)], bound: 15);

        top.Entries.ShouldBe(15ul);
        top.IsWhole.ShouldBeFalse();
        Read([.. Enumerable.Repeat(Tcp("10.0.0.1", "10.0.0.2", 80, "ESTABLISHED"), 15)], bound: 15).IsWhole.ShouldBeTrue();
    }

    [Fact]
    public void An_empty_table_has_no_rows() => Read([]).ShouldSatisfyAllConditions(top => top.Entries.ShouldBe(0ul), top => top.Sources.ShouldBeEmpty(), top => top.States.ShouldBeEmpty());

    [Fact]
    public void Without_connection_tracking_it_is_absent()
    {
        using var folder = new TemporaryDirectory();

        Should.Throw<KernelReadException>(() => ConntrackTop.Read(KernelOf(folder.Path))).Kind.ShouldBe(FailureKind.Absent);
    }

    private static ConntrackTop Read(string[] lines, int bound = ConntrackTop.Bound)
    {
        using var folder = new TemporaryDirectory();
        Directory.CreateDirectory(Path.Join(folder.Path, "net"));
        File.WriteAllText(Path.Join(folder.Path, "net", "nf_conntrack"), string.Concat(lines.Select(line => line + "\n")));
        return ConntrackTop.Read(KernelOf(folder.Path), bound);
    }

    private static KernelSource KernelOf(string proc) => new(new ProcFs(proc), "/nowhere", () => throw new InvalidOperationException("netlink could load a module"));

    private static string Tcp(string source, string destination, int port, string state) =>
        $"ipv4     2 tcp      6 100 {state} src={source} dst={destination} sport=40000 dport={port} src={destination} dst={source} sport={port} dport=40000 mark=0 use=2";
}
