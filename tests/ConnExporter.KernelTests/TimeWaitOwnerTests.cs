using System.Diagnostics;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Holders;
using Xunit.Abstractions;

namespace ConnExporter.KernelTests;

/// <summary>Who makes connections that are gone before anyone looks.</summary>
public class TimeWaitOwnerTests(ITestOutputHelper output)
{
    private static readonly InetAddress Loopback = InetAddress.ReadV4([127, 0, 0, 1]);

    [CgroupFact("dotnet", "sh")]
    public void A_client_with_connections_of_a_millisecond_is_named_by_process_and_unit() => Named(useCgroups: true);

    [CgroupFact("dotnet", "sh")]
    public void And_without_cgroups() => Named(useCgroups: false);

    [KernelFact("dotnet")]
    public void The_kernel_leaves_out_what_goes_elsewhere()
    {
        using var network = new NetworkNamespace();
        using var lab = new Lab(network, "mix", "--established", "50", "--established-mapped", "50", "--established6", "50");
        using NetlinkSocket socket = network.Inside(NetlinkSocket.OpenSockDiag);
        var peers = new Dictionary<(InetAddress Address, ushort Port), int>();
        var dump = new SockDiagDump(socket, new SockDiagRequest(SockDiagRequest.Bit(TcpState.Established)));
        while (dump.TryRead(out SocketRecord record))
        {
            (InetAddress, ushort) peer = (record.RemoteAddress, record.RemotePort);
            peers[peer] = peers.GetValueOrDefault(peer) + 1;
        }

        // Each client's port once, and the listeners' as often as they have clients, over IPv4, IPv6 and both.
        peers.Values.ShouldContain(50);
        peers.Keys.ShouldContain(peer => !peer.Address.IsV4);
        foreach (((InetAddress, ushort) peer, int count) in peers)
        {
            int filtered = 0;
            dump = new SockDiagDump(socket, new SockDiagRequest(SockDiagRequest.Bit(TcpState.Established)) { To = [peer] });
            while (dump.TryRead(out SocketRecord record))
            {
                (record.RemoteAddress, record.RemotePort).ShouldBe(peer);
                filtered++;
            }

            filtered.ShouldBe(count);
        }
    }

    private void Named(bool useCgroups)
    {
        using var cgroup = new TestCgroup();
        using var network = new NetworkNamespace();
        network.Set("net/ipv4/tcp_tw_reuse", "0");
        network.Set("net/ipv4/ip_local_port_range", "20000 22999");
        using var lab = new Lab(network, cgroup, "churn", "--rate", "300");
        var host = KernelSource.Host();
        KernelSource kernel = host with { OpenSockDiag = () => network.Inside(NetlinkSocket.OpenSockDiag) };
        using CgroupTree? cgroups = useCgroups ? new CgroupTree(host.Proc) : null;
        using var owners = new TimeWaitOwners(kernel, cgroups);

        // As long as ports are left there are connections to be seen; a test machine has its pauses.
        var named = new List<Sighting>();
        for (int attempt = 1; attempt <= 20 && named.Count < TimeWaitOwners.EnoughSightings; attempt++)
        {
            long start = Stopwatch.GetTimestamp();
            TimeSpan cpu = ThreadClock.CpuTime();
            IReadOnlyList<Sighting> sightings = owners.Watch(Loopback, (ushort)lab.Number("port"), TimeSpan.FromMilliseconds(100));
            output.WriteLine($"attempt {attempt}: {owners.Dumps} dumps, {sightings.Count} seen, {sightings.Count(one => one.Owner is not null)} named, "
                + $"{Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms, CPU {(ThreadClock.CpuTime() - cpu).TotalMilliseconds:F1} ms");
            named.AddRange(sightings.Where(one => one.Owner is not null));
        }

        named.ShouldNotBeEmpty();
        named.ShouldAllBe(one => one.Owner!.Pid == lab.ProcessId && one.Unit == cgroup.Name);
        named.Select(one => one.Inode).ShouldBeUnique();
        if (useCgroups)
        {
            named.ShouldAllBe(one => one.Cgroup!.Unit == cgroup.Name);
        }

        Poll.Until(() => Lab.Number(lab.Command("count"), "refused"), refused => refused > 0, "every port in TIME_WAIT");
    }
}
