using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Cgroups;

public sealed class CgroupTreeTests : IDisposable
{
    private readonly HolderTree tree = new();

    public void Dispose() => tree.Dispose();

    [Fact]
    public void An_id_is_the_inode_of_a_directory()
    {
        ulong web = tree.Cgroup("/system.slice/web.service", 7, 8);
        ulong batch = tree.Cgroup("/batch");
        using CgroupTree cgroups = Open();

        cgroups.Find(web).ShouldBe(new Cgroup(web, "/system.slice/web.service", "web.service"));
        cgroups.Find(batch).ShouldBe(new Cgroup(batch, "/batch", "batch"));
        cgroups.Find(tree.IdOf("/")).ShouldBe(new Cgroup(tree.IdOf("/"), "/", UnitName.None));
        cgroups.MountPoint.ShouldBe(tree.CgroupPath);
        cgroups.Walks.ShouldBe(1);
    }

    [Fact]
    public void A_round_has_one_walk_at_most_and_only_for_what_is_new()
    {
        ulong first = tree.Cgroup("/first");
        using CgroupTree cgroups = Open();
        cgroups.Find(first).ShouldNotBeNull();
        cgroups.BeginRound();
        cgroups.Find(first).ShouldNotBeNull();
        cgroups.Walks.ShouldBe(1, "it is known");

        ulong second = tree.Cgroup("/second");
        cgroups.Find(second)!.Path.ShouldBe("/second");
        cgroups.Walks.ShouldBe(2);

        cgroups.Find(1234567).ShouldBeNull();
        cgroups.BeginRound();
        cgroups.Find(1234567).ShouldBeNull("it is known to be gone");
        cgroups.Walks.ShouldBe(2);
    }

    // Out of descriptors, a mount that is not there yet: nothing was found, and nothing was learnt.
    [Fact]
    public void A_walk_that_failed_is_no_proof_that_a_cgroup_is_gone()
    {
        ulong id = tree.Cgroup("/system.slice/web.service");
        using CgroupTree cgroups = Open();
        string away = tree.CgroupPath + ".away";
        Directory.Move(tree.CgroupPath, away);
        cgroups.Find(id).ShouldBeNull();
        Directory.Move(away, tree.CgroupPath);
        cgroups.Find(id).ShouldBeNull("one walk a round");

        cgroups.BeginRound();

        cgroups.Find(id)!.Unit.ShouldBe("web.service");
    }

    [Fact]
    public void A_pod_whose_name_could_not_be_read_at_first_has_it_when_it_can()
    {
        const string Container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        bool fails = true;
        var time = new ManualTime();
        var names = new PodNames("/", time, (path, _) => fails ? throw new IOException("Too many open files", 24)
            : path.Contains("/run/containerd/", StringComparison.Ordinal) ? """{"annotations":{"io.kubernetes.cri.container-name":"nginx","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}"""u8.ToArray() : null);
        ulong pod = tree.Cgroup($"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-{Container}.scope");
        using var cgroups = new CgroupTree(tree.Proc, Path.GetDirectoryName(tree.CgroupPath)!, names);
        cgroups.Find(pod)!.Unit.ShouldStartWith("pod 1-2/");

        fails = false;
        cgroups.BeginRound();
        cgroups.Find(pod)!.Unit.ShouldStartWith("pod 1-2/", customMessage: "it is not tried again at once");
        time.Advance(TimeSpan.FromSeconds(10));
        cgroups.BeginRound();
        cgroups.Find(pod)!.Unit.ShouldBe("pod shop/web-0/nginx");
        cgroups.BeginRound();
        cgroups.Find(pod)!.Unit.ShouldBe("pod shop/web-0/nginx");
        cgroups.Walks.ShouldBe(2);
    }

    [Fact]
    public void Walks_that_fail_again_and_again_become_rare()
    {
        using CgroupTree cgroups = Open();
        Directory.Delete(tree.CgroupPath);
        for (int round = 0; round < 200; round++)
        {
            cgroups.BeginRound();
            cgroups.Find(4711).ShouldBeNull();
        }

        cgroups.Walks.ShouldBeInRange(8, 24);
    }

    [Fact]
    public void One_that_was_removed_keeps_its_name()
    {
        ulong gone = tree.Cgroup("/system.slice/gone.service", 7);
        using CgroupTree cgroups = Open();
        Cgroup cgroup = cgroups.Find(gone)!;
        tree.RemoveCgroup("/system.slice");
        cgroups.BeginRound();
        cgroups.Find(99999999);

        cgroups.Find(gone).ShouldBe(cgroup);
        cgroups.ReadProcesses(cgroup, new int[8]).ShouldBe(0);
    }

    [Fact]
    public void Its_processes_are_read()
    {
        ulong id = tree.Cgroup("/a", 7, 0, 4194304);
        ulong many = tree.Cgroup("/many", [.. Enumerable.Range(100_000, 20_000)]);
        using CgroupTree cgroups = Open();
        int[] pids = new int[100];

        cgroups.ReadProcesses(cgroups.Find(id)!, pids).ShouldBe(2, "0 is a process of another pid namespace");
        pids[..2].ShouldBe([7, 4194304]);

        // Cut at the room there is, or at a whole line.
        cgroups.ReadProcesses(cgroups.Find(many)!, pids).ShouldBe(100);
        int[] all = new int[20_000];
        int count = cgroups.ReadProcesses(cgroups.Find(many)!, all);
        count.ShouldBeGreaterThan(4000);
        all[..count].ShouldBe(Enumerable.Range(100_000, count));
    }

    [Fact]
    public void Without_a_mount_there_are_none()
    {
        File.WriteAllText(tree.Proc.PathOf("self/mountinfo"), "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
        using CgroupTree cgroups = Open();

        cgroups.Find(7).ShouldBeNull();
        cgroups.MountPoint.ShouldBeNull();
        cgroups.ReadProcesses(new Cgroup(7, "/a", "a"), new int[4]).ShouldBe(0);

        using var nowhere = new CgroupTree(new ProcFs(tree.Proc.PathOf("nothing")));
        nowhere.Find(7).ShouldBeNull();
    }

    [Theory]
    [InlineData(0ul, false)]
    [InlineData(CgroupTree.RootId, false)]
    [InlineData(2ul, true)]
    public void The_roots_id_does_not_tell(ulong id, bool tells) => CgroupTree.Tells(id).ShouldBe(tells);

    private CgroupTree Open() => new(tree.Proc, Path.GetDirectoryName(tree.CgroupPath)!);
}
