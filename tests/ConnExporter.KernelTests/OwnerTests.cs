using System.Diagnostics;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Holders;
using Xunit.Abstractions;

namespace ConnExporter.KernelTests;

/// <summary>Sockets named by process and unit, in a crowd of processes.</summary>
public class OwnerTests(ITestOutputHelper output)
{
    private const int Leak = 500;
    private static readonly string[] Crowd = ["descriptors", "--processes", "1000", "--each", "300"];

    [CgroupFact("dotnet", "cat", "sh")]
    public void A_leak_in_a_crowd_of_1000_processes_is_named_in_the_first_round_with_cgroups()
    {
        using var cgroup = new TestCgroup();
        using var network = new NetworkNamespace();
        using var crowd = new Lab(network, Crowd);
        using var lab = new Lab(network, cgroup, "mix", "--close-wait", "500");

        Improvement cost = FirstRound(network, lab, cgroup.Name, useCgroups: true);

        cost.Links.ShouldBeLessThan(3 * Leak, "nothing but the processes of the leak's cgroup is read");
    }

    [CgroupFact("dotnet", "cat", "sh")]
    public void And_without_cgroups_and_with_all_processes_the_same_users()
    {
        using var cgroup = new TestCgroup();
        using var network = new NetworkNamespace();
        using var crowd = new Lab(network, Crowd);
        using var lab = new Lab(network, cgroup, "mix", "--close-wait", "500");

        FirstRound(network, lab, cgroup.Name, useCgroups: false).Links.ShouldBeLessThanOrEqualTo(SocketOwners.DefaultBudget);
    }

    [CgroupFact("dotnet", "cat", "sh")]
    public void And_without_cgroups_among_processes_that_hold_sockets_too()
    {
        using var cgroup = new TestCgroup();
        using var network = new NetworkNamespace();
        using var crowd = new Lab(network, Crowd);

        // 60,000 connections in processes of some thousands each.
        using var others = new Lab(network, "repair", "--count", "60000", "--peers", "4");
        using var lab = new Lab(network, cgroup, "mix", "--close-wait", "500");

        FirstRound(network, lab, cgroup.Name, useCgroups: false).Links.ShouldBeLessThanOrEqualTo(SocketOwners.DefaultBudget);
    }

    private Improvement FirstRound(NetworkNamespace network, Lab lab, string unit, bool useCgroups)
    {
        var kernel = KernelSource.Host();
        using CgroupTree? cgroups = useCgroups ? new CgroupTree(kernel.Proc) : null;
        using var owners = new SocketOwners(kernel, cgroups);
        var wanted = new Wanted();
        using NetlinkSocket socket = network.Inside(NetlinkSocket.OpenSockDiag);
        Walk(socket, owners, wanted, useCgroups).ShouldBeEmpty("nothing is known yet");
        wanted.CloseWait.ShouldBe((ulong)Leak);

        long start = Stopwatch.GetTimestamp();
        TimeSpan cpu = ThreadClock.CpuTime();
        Improvement cost = owners.Improve(wanted, SocketOwners.DefaultBudget);
        output.WriteLine($"{cost} in {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms, CPU {(ThreadClock.CpuTime() - cpu).TotalMilliseconds:F1} ms; {owners.Coverage}");

        Dictionary<Owner, int> leaks = Walk(socket, owners, wanted, useCgroups);
        leaks.ShouldHaveSingleItem();
        (Owner owner, int count) = leaks.Single();
        count.ShouldBe(Leak);
        owner.Pid.ShouldBe(lab.ProcessId);
        owner.Unit.ShouldBe(unit);
        owner.Name.ShouldBe(File.ReadAllText($"/proc/{lab.ProcessId}/comm").TrimEnd('\n'));
        owner.StartTicks.ShouldBe(ProcessStat.Parse("stat", File.ReadAllBytes($"/proc/{lab.ProcessId}/stat"), out _).StartTicks);
        wanted.CloseWait.ShouldBe(0ul);

        start = Stopwatch.GetTimestamp();
        Improvement second = owners.Improve(wanted, SocketOwners.DefaultBudget);
        output.WriteLine($"second: {second} in {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms; {owners.Coverage}");
        return cost;
    }

    // A walk as the census makes it: CLOSE_WAIT by owner.
    private static Dictionary<Owner, int> Walk(NetlinkSocket socket, SocketOwners owners, Wanted wanted, bool useCgroups)
    {
        var leaks = new Dictionary<Owner, int>();
        wanted.Clear();
        var dump = new SockDiagDump(socket, new SockDiagRequest(SockDiagRequest.AllStates));
        while (dump.TryRead(out SocketRecord record))
        {
            if (record.Inode == 0)
            {
                continue;
            }

            if (!owners.TryFind(record.Inode, out int owner))
            {
                record.TryGetCgroup(out ulong cgroup);
                wanted.Add(record.State, record.Inode, useCgroups ? cgroup : 0, record.User);
            }
            else if (record.State == TcpState.CloseWait)
            {
                leaks[owners[owner]] = leaks.GetValueOrDefault(owners[owner]) + 1;
            }
        }

        return leaks;
    }
}
