using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Holders;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Holders;

public sealed class SocketOwnersTests : IDisposable
{
    private const int Budget = 1000;
    private readonly HolderTree tree = new();
    private readonly Wanted wanted = new();

    public void Dispose() => tree.Dispose();

    [Fact]
    public void A_socket_is_named_by_process_and_unit()
    {
        tree.Process(7, "web", "/system.slice/web.service", "/dev/null", "socket:[4711]");
        using SocketOwners owners = Open();

        owners.TryFind(4711, out int none).ShouldBeFalse();
        none.ShouldBe(-1);
        Want(TcpState.Established, 4711);
        Improvement cost = owners.Improve(wanted, Budget);

        cost.ShouldBe(new Improvement(Links: 2, Read: 1, Found: 1));
        owners.TryFind(4711, out int owner).ShouldBeTrue();
        owners[owner].ShouldBe(new Owner("web", "web.service", 7, 1000));
        owner.ShouldBeLessThan(owners.OwnerLimit);
    }

    [Fact]
    public void The_processes_of_the_cgroup_with_leaked_sockets_are_read_first()
    {
        Crowd(100, 50);
        tree.Process(7, "leak", "/leak", Sockets(5000, 60));
        tree.Process(8, "other", "/other", Sockets(6000, 60));
        ulong leak = tree.Cgroup("/leak", 7);
        ulong other = tree.Cgroup("/other", 8);
        using CgroupTree cgroups = Cgroups();
        using var owners = new SocketOwners(tree.Kernel(), cgroups);
        foreach (uint inode in Enumerable.Range(6000, 60))
        {
            wanted.Add(TcpState.Established, inode, other, 0);
        }

        foreach (uint inode in Enumerable.Range(5000, 60))
        {
            wanted.Add(TcpState.CloseWait, inode, leak, 0);
        }

        owners.Improve(wanted, 60).ShouldBe(new Improvement(60, 0, 60), "all of the budget, and whether there is more of the process is not known");

        Enumerable.Range(5000, 60).ShouldAllBe(inode => owners.Find((uint)inode)!.Pid == 7);
        owners.Find(6000).ShouldBeNull();
    }

    [Fact]
    public void Without_cgroups_samples_tell_where_to_read()
    {
        Crowd(200, 40);
        tree.Process(100_007, "leak", "/", Sockets(5000, 60));
        using SocketOwners owners = Open();
        foreach (uint inode in Enumerable.Range(5000, 60))
        {
            Want(TcpState.CloseWait, inode);
        }

        Improvement cost = owners.Improve(wanted, Budget);

        cost.Found.ShouldBe(60);
        cost.Links.ShouldBeLessThanOrEqualTo(Budget);
        Enumerable.Range(5000, 60).ShouldAllBe(inode => owners.Find((uint)inode)!.Name == "leak");
    }

    [Fact]
    public void A_process_that_left_its_sockets_cgroup_is_found_nevertheless()
    {
        Crowd(20, 40);
        tree.Process(7, "leak", "/now", Sockets(5000, 60));
        ulong before = tree.Cgroup("/before");
        using CgroupTree cgroups = Cgroups();
        using var owners = new SocketOwners(tree.Kernel(), cgroups);
        foreach (uint inode in Enumerable.Range(5000, 60))
        {
            wanted.Add(TcpState.CloseWait, inode, before, 0);
        }

        owners.Improve(wanted, 400).Found.ShouldBe(60);
    }

    [Fact]
    public void More_descriptors_than_the_budget_are_read_in_several_rounds()
    {
        tree.Process(7, "proxy", "/", Sockets(1000, 1000));
        using SocketOwners owners = Open();
        int rounds = 0;
        while (Walk(owners, 1000, 1000) < 1000)
        {
            owners.Improve(wanted, 100).Links.ShouldBeLessThanOrEqualTo(100);
            (++rounds).ShouldBeLessThan(30);
        }

        // A part goes to samples, which of one process say nothing.
        rounds.ShouldBeInRange(10, 25);
    }

    [Theory]
    [InlineData(4, 600, 5)]
    [InlineData(10, 900, 18)]
    [InlineData(40, 300, 90)]
    public void A_small_holder_does_not_wait_for_big_ones(int crowd, int each, int small)
    {
        // All of one user, all of them sockets, and no cgroup tells.
        for (int i = 0; i < crowd; i++)
        {
            tree.Process(100 + i, "big", "/", Sockets(10_000 * (i + 1), each));
        }

        tree.Process(9999, "small", "/", [.. Sockets(5000, small - 1), "socket:[77]"]);
        using SocketOwners owners = Open();
        Want(TcpState.Listen, 77);

        owners.Improve(wanted, 300).Links.ShouldBeLessThanOrEqualTo(300);

        owners.Find(77)!.Name.ShouldBe("small");
    }

    [Fact]
    public void Those_that_change_all_the_time_do_not_keep_others_waiting()
    {
        for (int i = 0; i < 20; i++)
        {
            tree.Process(100 + i, "busy", "/", Sockets(10_000 * (i + 1), 10));
        }

        tree.Process(9999, "middle", "/", [.. Sockets(5000, 400), "socket:[77]"]);
        using SocketOwners owners = Open();
        int rounds = 0;
        while (owners.Find(77) is null)
        {
            for (int i = 0; i < 20; i++)
            {
                tree.Descriptors(100 + i, Sockets(10_000 * (i + 1), 10 + (rounds % 2)));
            }

            wanted.Clear();
            Want(TcpState.CloseWait, 77);
            owners.Improve(wanted, 200);
            (++rounds).ShouldBeLessThan(12);
        }
    }

    [Fact]
    public void Without_a_bound_every_holder_is_found_in_one_round_the_small_ones_first()
    {
        tree.Process(100, "big", "/", [.. Sockets(10_000, 6000), "socket:[78]"]);
        tree.Process(200, "small", "/", [.. Sockets(20_000, 10), "socket:[77]"]);
        Crowd(20, 100);
        using SocketOwners owners = Open();
        Want(TcpState.Listen, 77);

        owners.Improve(wanted, SocketOwners.Everything).Links.ShouldBeLessThan(100, "nobody else was asked");
        owners.Find(77)!.Name.ShouldBe("small");

        wanted.Clear();
        Want(TcpState.Listen, 78);
        int signs = 0;
        owners.Improve(wanted, SocketOwners.Everything, () => signs++).Links.ShouldBe(6001 + 2000, "each descriptor once, and those of the small one are known");
        owners.Find(78)!.Name.ShouldBe("big");
        signs.ShouldBeGreaterThan(20);
    }

    [Fact]
    public void All_holders_of_what_was_asked_for_are_found_also_later_ones()
    {
        tree.Process(1, "systemd", "/init.scope", "socket:[10]", "socket:[11]");
        tree.Process(7, "web", "/system.slice/web.service", "socket:[10]");
        tree.Process(8, "other", "/system.slice/other.service", "socket:[12]");
        using SocketOwners owners = Open();
        Round(owners, 10, 3);
        owners.AllOf(10).Count.ShouldBe(1, "one is enough where nobody asks");

        owners.Ask([10]);
        Round(owners, 10, 3);

        owners.AllOf(10).Select(owner => owner.Name).ShouldBe(["systemd", "web"], ignoreOrder: true);
        owners.AllOf(12).Select(owner => owner.Name).ShouldBe(["other"]);
        owners.AllOf(99).ShouldBeEmpty();

        tree.Process(9, "worker", "/system.slice/web.service", "socket:[10]");
        owners.Ask([10]);
        Round(owners, 10, 3);
        owners.AllOf(10).Count.ShouldBe(3, "a process that came later");
        Round(owners, 10, 3).Links.ShouldBe(0, "everybody was asked");

        tree.End(7);
        owners.Ask([10]);
        Round(owners, 10, 3);
        owners.AllOf(10).Select(owner => owner.Name).ShouldBe(["systemd", "worker"], ignoreOrder: true);
    }

    [Fact]
    public void Asked_for_are_no_more_than_the_bound()
    {
        uint[] asked = [.. Enumerable.Range(1000, SharedSockets.Bound + 20).Select(inode => (uint)inode)];
        tree.Process(7, "web", "/", Sockets(1000, asked.Length));
        tree.Process(8, "web", "/", Sockets(1000, asked.Length));
        using SocketOwners owners = Open();
        owners.Ask(asked);
        Round(owners, 1000, asked.Length);

        asked.Count(inode => owners.AllOf(inode).Count == 2).ShouldBe(SharedSockets.Bound);
        owners.NotAsked.ShouldBe(20);
    }

    [Fact]
    public void What_is_in_a_table_of_io_uring_is_held()
    {
        tree.Process(7, "ring", "/system.slice/ring.service", "/dev/null", "anon_inode:[io_uring]");
        tree.Write("proc/7/fdinfo/1", "UserFiles:\t2\n    0: socket:[10]\n    1: socket:[11]\nUserBufs:\t0\n");
        using SocketOwners owners = Open();
        Round(owners, 10, 2).Found.ShouldBe(2);
        owners.Find(11).ShouldBe(new Owner("ring", "ring.service", 7, 1000));

        tree.Write("proc/7/fdinfo/1", "UserFiles:\t2\n    0: socket:[10]\nUserBufs:\t0\n");
        tree.Descriptors(7, "/dev/null", "anon_inode:[io_uring]", "/dev/zero");
        Round(owners, 10, 3);
        owners.Find(10)!.Name.ShouldBe("ring");
        owners.Find(11).ShouldBeNull("a whole pass did not find it again");
    }

    [Fact]
    public void Nothing_is_read_while_all_is_known()
    {
        Crowd(20, 40);
        tree.Process(7, "web", "/", Sockets(5000, 10));
        using SocketOwners owners = Open();
        Round(owners, 5000, 10);
        for (int i = 0; i < 10; i++)
        {
            Round(owners, 5000, 10).Links.ShouldBe(0);
        }

        Walk(owners, 5000, 10).ShouldBe(10);
    }

    [Fact]
    public void A_process_that_nothing_was_found_in_is_read_less_and_less_while_it_does_not_change()
    {
        tree.Process(7, "web", "/", Sockets(5000, 10));
        using SocketOwners owners = Open();
        int reads = 0;
        for (int i = 0; i < 30; i++)
        {
            Want(TcpState.Established, 1);
            reads += owners.Improve(wanted, Budget).Read;
        }

        reads.ShouldBeInRange(3, 7);
    }

    [Fact]
    public void A_new_socket_of_a_known_process_is_found_and_one_that_it_closed_is_not()
    {
        tree.Process(7, "web", "/", "socket:[10]", "socket:[11]");
        using SocketOwners owners = Open();
        Round(owners, 10, 2).Found.ShouldBe(2);
        tree.Descriptors(7, "socket:[11]", "socket:[12]", "socket:[13]");

        Round(owners, 11, 3).Found.ShouldBe(2);

        owners.Find(10).ShouldBeNull("a whole pass did not find it again");
        owners.Find(11)!.Pid.ShouldBe(7);
        owners.Find(13)!.Pid.ShouldBe(7);
    }

    [Fact]
    public void The_last_socket_that_is_closed_leaves_none()
    {
        tree.Process(7, "web", "/", "socket:[10]");
        using SocketOwners owners = Open();
        Round(owners, 10, 1);
        tree.Descriptors(7, "/dev/null", "/dev/zero");
        Round(owners, 99, 1);

        owners.Find(10).ShouldBeNull();
    }

    [Fact]
    public void A_socket_that_was_handed_to_another_process_goes_over_to_it()
    {
        tree.Process(7, "acceptor", "/", "socket:[10]", "socket:[11]");
        tree.Process(8, "worker", "/", "/dev/null");
        using SocketOwners owners = Open();
        Round(owners, 10, 2);
        tree.Descriptors(7, "socket:[11]", "/dev/zero");
        tree.Descriptors(8, "/dev/null", "socket:[10]");

        // No count tells that the first one has changed: it is read again when what is known of it is old.
        for (int i = 0; i < 25; i++)
        {
            Round(owners, 10, 2);
        }

        owners.Find(10)!.Name.ShouldBe("worker");
        owners.Find(11)!.Name.ShouldBe("acceptor");
    }

    [Fact]
    public void A_process_that_has_ended_owns_nothing()
    {
        tree.Process(7, "web", "/", "socket:[10]");
        tree.Process(8, "web", "/", "socket:[10]");
        using SocketOwners owners = Open();
        Round(owners, 10, 1);
        int first = owners.Find(10)!.Pid;
        tree.End(first);
        wanted.Clear();
        owners.Improve(wanted, Budget);
        owners.TryFind(10, out _).ShouldBeFalse();

        Round(owners, 10, 1).Found.ShouldBe(1);

        owners.Find(10)!.Pid.ShouldBe(15 - first, "the child holds it still");
    }

    [Fact]
    public void A_pid_given_to_another_process_is_another_owner()
    {
        tree.Process(7, "web", "/", "socket:[10]");
        using SocketOwners owners = Open();
        Round(owners, 10, 1);
        tree.Reuse(7, () =>
        {
            tree.Describe(7, "batch", "/", start: 2000);
            tree.Descriptors(7, "socket:[20]");
        });
        Round(owners, 20, 1);

        owners.Find(10).ShouldBeNull();
        owners.Find(20).ShouldBe(new Owner("batch", UnitName.None, 7, 2000));
    }

    [Fact]
    public void The_same_process_with_another_inode_number_keeps_its_sockets()
    {
        tree.Process(7, "web", "/", "socket:[10]");
        using SocketOwners owners = Open();
        Round(owners, 10, 1);
        tree.Reuse(7, () => tree.Process(7, "web", "/", "socket:[10]"));
        wanted.Clear();
        owners.Improve(wanted, Budget);

        owners.Find(10)!.Pid.ShouldBe(7);
    }

    [Fact]
    public void A_listener_that_systemd_keeps_too_belongs_to_the_service()
    {
        tree.Process(1, "systemd", "/init.scope", "socket:[10]", "socket:[11]");
        using SocketOwners owners = Open();
        Round(owners, 10, 2);
        owners.Find(10)!.Name.ShouldBe("systemd");
        tree.Process(7, "web", "/system.slice/web.service", "socket:[10]", "socket:[12]");
        Round(owners, 10, 3);
        owners.Find(10)!.Name.ShouldBe("web");
        owners.Find(11)!.Name.ShouldBe("systemd");
    }

    [Fact]
    public void A_name_follows_execve()
    {
        tree.Process(7, "sh", "/", "socket:[10]");
        using SocketOwners owners = Open();
        Round(owners, 10, 1);
        tree.Describe(7, "web", "/system.slice/web.service");
        tree.Descriptors(7, "socket:[10]", "socket:[11]");
        Round(owners, 10, 2);

        owners.Find(10).ShouldBe(new Owner("web", "web.service", 7, 1000));
    }

    [Fact]
    public void The_bound_holds_and_what_is_wanted_goes_first()
    {
        const int Bound = 80;
        tree.Process(7, "proxy", "/", Sockets(1000, 200));
        tree.Process(8, "leak", "/", Sockets(5000, 5));
        using var owners = new SocketOwners(tree.Kernel(), null, Bound);
        foreach (uint inode in Enumerable.Range(5000, 5))
        {
            Want(TcpState.CloseWait, inode);
        }

        Want(TcpState.Established, 999);
        owners.Improve(wanted, Budget);

        owners.Count.ShouldBeLessThanOrEqualTo(Bound);
        owners.Coverage.LeftOut.ShouldBeGreaterThan(0ul);
        Enumerable.Range(5000, 5).ShouldAllBe(inode => owners.Find((uint)inode)!.Name == "leak");
    }

    [Fact]
    public void What_no_walk_sees_is_forgotten()
    {
        // Sockets of other kinds.
        tree.Process(7, "web", "/", [.. Sockets(1000, 100), "socket:[10]"]);
        using SocketOwners owners = Open();
        Round(owners, 10, 1);
        owners.Count.ShouldBe(101);
        for (int i = 0; i < 12; i++)
        {
            Round(owners, 10, 1);
        }

        owners.Count.ShouldBe(1);
        Walk(owners, 10, 1).ShouldBe(1);
    }

    [Fact]
    public void Coverage_tells_what_is_known()
    {
        tree.Process(7, "web", "/", Sockets(1000, 10));
        tree.Process(8, "batch", "/", "/dev/null");
        tree.Process(2, "kthreadd", "/");
        using SocketOwners owners = Open();
        Round(owners, 1000, 10);
        owners.Coverage.ShouldBe(new OwnerCoverage(10, 0, 0, 2, 1, 0, string.Empty), "all was found in the first");
        Round(owners, 1000, 11);
        owners.Coverage.ShouldBe(new OwnerCoverage(11, 10, 0, 2, 0, 0, string.Empty));
    }

    [Fact]
    public void Damaged_processes_are_passed_over()
    {
        tree.Process(7, "web", "/", "socket:[10]");
        File.WriteAllText(tree.Proc.PathOf("7/stat"), "nonsense");
        Directory.CreateDirectory(tree.Proc.PathOf("8"));
        File.WriteAllText(tree.Proc.PathOf("8/fd"), "");
        Directory.CreateDirectory(tree.Proc.PathOf("9/fd"));
        tree.Process(10, "batch", "/", "socket:[11]");
        using SocketOwners owners = Open();
        Round(owners, 10, 2).Found.ShouldBe(1);

        owners.Find(11)!.Name.ShouldBe("batch");
        owners.Find(10).ShouldBeNull();
    }

    [Fact]
    public void A_walk_allocates_nothing()
    {
        tree.Process(7, "web", "/", Sockets(1000, 500));
        using SocketOwners owners = Open();
        Round(owners, 1000, 500);
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            // The runtime has allocations of its own now and then.
            long before = GC.GetAllocatedBytesForCurrentThread();
            int known = Walk(owners, 1000, 1000);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            known.ShouldBe(500);
        }

        least.ShouldBe(0);
    }

    [Fact]
    public void Without_proc_nothing_is_known()
    {
        using var owners = new SocketOwners(tree.Kernel() with { Proc = new(tree.Proc.PathOf("nothing")) }, null);

        Should.Throw<KernelReadException>(() => owners.Improve(wanted, Budget)).Kind.ShouldBe(FailureKind.Absent);
    }

    private static string[] Sockets(int first, int count) => [.. Enumerable.Range(first, count).Select(inode => HolderTree.Socket((uint)inode))];

    private SocketOwners Open() => new(tree.Kernel(), null);

    private CgroupTree Cgroups() => new(tree.Proc, Path.GetDirectoryName(tree.CgroupPath)!);

    private void Crowd(int processes, int descriptors)
    {
        string[] targets = [.. Enumerable.Repeat("/dev/null", descriptors)];
        for (int i = 0; i < processes; i++)
        {
            tree.Process(10_000 + i, "cat", "/crowd", targets);
        }
    }

    private void Want(TcpState state, uint inode) => wanted.Add(state, inode, 0, 0);

    private Improvement Round(SocketOwners owners, uint first, int count)
    {
        Walk(owners, first, count);
        return owners.Improve(wanted, Budget);
    }

    // The sockets that a walk would see; how many of them have an owner.
    private int Walk(SocketOwners owners, uint first, int count)
    {
        int known = 0;
        wanted.Clear();
        for (uint inode = first; inode < first + count; inode++)
        {
            if (owners.TryFind(inode, out _))
            {
                known++;
            }
            else
            {
                Want(TcpState.Established, inode);
            }
        }

        return known;
    }
}
