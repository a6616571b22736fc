using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class ConntrackEntryTests
{
    private const string Path = "/proc/net/nf_conntrack";

    // As Linux 6.18, 5.10 and 4.19 write them.
    [Theory]
    [InlineData("ipv4     2 tcp      6 431999 ESTABLISHED src=10.9.0.1 dst=10.9.0.2 sport=40010 dport=443 src=10.9.0.2 dst=10.9.0.1 sport=443 dport=40010 [ASSURED] mark=0 zone=0 use=2", "tcp ESTABLISHED 10.9.0.1 10.9.0.2 443")]
    [InlineData("ipv4     2 tcp      6 118 TIME_WAIT src=10.9.0.1 dst=10.9.0.2 sport=40011 dport=443 packets=6 bytes=320 src=10.9.0.2 dst=203.0.113.7 sport=443 dport=1024 packets=4 bytes=216 [ASSURED] mark=0 secctx=none use=2", "tcp TIME_WAIT 10.9.0.1 10.9.0.2 443")]
    [InlineData("ipv4     2 udp      17 29 src=127.0.0.1 dst=127.0.0.53 sport=40000 dport=53 [UNREPLIED] src=127.0.0.53 dst=127.0.0.1 sport=53 dport=40000 mark=0 use=2", "udp - 127.0.0.1 127.0.0.53 53")]
    [InlineData("ipv6     10 icmpv6   58 29 src=fe80::1 dst=ff02::2 type=133 code=0 id=0 [UNREPLIED] src=ff02::2 dst=fe80::1 type=134 code=0 id=0 mark=0 use=2", "icmpv6 - fe80::1 ff02::2 -")]
    [InlineData("ipv4     2 tcp      6 src=10.9.0.1 dst=10.9.0.2 sport=40012 dport=80 src=10.9.0.2 dst=10.9.0.1 sport=80 dport=40012 [HW_OFFLOAD] mark=0 use=3", "tcp - 10.9.0.1 10.9.0.2 80")]
    [InlineData("ipv4     2 unknown  112 599 src=10.9.0.1 dst=224.0.0.18 [UNREPLIED] src=224.0.0.18 dst=10.9.0.1 mark=0 use=2", "unknown - 10.9.0.1 224.0.0.18 -")]
    public void Lines_are_read_in_the_original_direction(string line, string read)
    {
        var entry = ConntrackEntry.Parse(Path, Bytes(line));

        $"{entry.Protocol} {entry.State ?? "-"} {entry.Source} {entry.Destination} {entry.DestinationPort?.ToString() ?? "-"}".ShouldBe(read);
    }

    [Theory]
    [InlineData("", "''")]
    [InlineData("ipv4 2 tcp", "ipv4 2 tcp")]
    [InlineData("ipv4 2 tcp 6 12 ESTABLISHED", "ESTABLISHED")]
    [InlineData("ipv4 2 tcp 6 12 ESTABLISHED src=10.0.0.1 sport=1", "sport=1")]
    [InlineData("ipv4 2 tcp 6 12 ESTABLISHED src=here dst=10.0.0.1", "src=here")]
    [InlineData("ipv4 2 tcp 6 12 ESTABLISHED src=10.0.0.1 dst=there", "dst=there")]
    public void Anything_else_is_refused(string line, string found) => ShouldBeBroken(() => ConntrackEntry.Parse(Path, Bytes(line)), Path, "src= and dst=", found);

    [Fact]
    public void Damaged_lines_are_refused_and_nothing_worse() => ParserProperties.NothingButRefusalsEscape(
        [Bytes("ipv4     2 tcp      6 431999 ESTABLISHED src=10.9.0.1 dst=10.9.0.2 sport=40010 dport=443 src=10.9.0.2 dst=10.9.0.1 sport=443 dport=40010 [ASSURED] mark=0 use=2")],
        line => ConntrackEntry.Parse(Path, line));
}
