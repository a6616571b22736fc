using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Rules;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Diagnosis.Rules;

/// <summary>A limit that was lowered below what is used: twice that limit would change nothing.</summary>
public class RoomyTests
{
    [Theory]
    [InlineData(900ul, 1000ul, "sysctl -w fs.file-max=2000")]
    [InlineData(352ul, 144ul, "sysctl -w fs.file-max=704")]
    public void Files_of_the_host(ulong used, ulong limit, string command) =>
        Commands(new ObservationBench().OpenFiles(used, limit), new SystemDescriptorsExhausting()).ShouldContain(command);

    [Theory]
    [InlineData(950ul, 1000ul, "sysctl -w net.ipv4.tcp_max_orphans=2000")]
    [InlineData(900ul, 100ul, "sysctl -w net.ipv4.tcp_max_orphans=1800")]
    public void Orphans(ulong used, ulong limit, string command) =>
        Commands(new ObservationBench().Memory(orphans: used, maxOrphans: limit).Sockets((TcpState.FinWait1, used)), new OrphansExhausting()).ShouldContain(command);

    [Theory]
    [InlineData(990ul, 1000ul, "sysctl -w net.netfilter.nf_conntrack_max=2000")]
    [InlineData(916ul, 454ul, "sysctl -w net.netfilter.nf_conntrack_max=1832")]
    public void Tracked_connections(ulong used, ulong limit, string command) =>
        Commands(new ObservationBench().Tracked(used, max: limit), new ConntrackExhausting()).ShouldContain(command);

    // The pressure value decides the factor, and the limit goes no further than it must.
    [Theory]
    [InlineData(130_000ul, "90000 120000 180000", "sysctl -w net.ipv4.tcp_mem='180000 240000 360000'")]
    [InlineData(400_000ul, "90000 120000 180000", "sysctl -w net.ipv4.tcp_mem='450000 600000 800000'")]
    [InlineData(100_000ul, "100 200 4194304", "sysctl -w net.ipv4.tcp_mem='62500 125000 8388608'")]
    public void Memory(ulong pages, string limits, string command)
    {
        ulong[] three = [.. limits.Split(' ').Select(number => ulong.Parse(number, System.Globalization.CultureInfo.InvariantCulture))];
        ObservationBench bench = new ObservationBench().Memory(pages: pages, limits: new MemoryLimits(three[0], three[1], three[2]));

        Commands(bench, new TcpMemoryPressure()).ShouldContain(command);
    }

    [Theory]
    [InlineData(190ul, 200ul, "sysctl -w net.ipv4.tcp_max_tw_buckets=65536")]
    [InlineData(200_000ul, 60_000ul, "sysctl -w net.ipv4.tcp_max_tw_buckets=400000")]
    public void Sockets_in_TIME_WAIT(ulong used, ulong limit, string command) =>
        Commands(new ObservationBench().Memory(maxTimeWait: limit).Sockets((TcpState.TimeWait, used)), new TimeWaitBucketOverflow()).ShouldContain(command);

    private static string[] Commands(ObservationBench bench, Rule rule) => [.. bench.Judge(rule).ShouldNotBeNull().Remedies.SelectMany(remedy => remedy.CommandLines)];
}
