using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Namespaces;

public sealed class NamespaceTableTests : IDisposable
{
    private const string Container = "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";

    private readonly CollectorBench bench = new();
    private readonly NamespaceTree tree;
    private readonly NamespaceTable table;

    public NamespaceTableTests()
    {
        tree = new NamespaceTree(bench);
        table = new NamespaceTable(new ProcFs(bench.Proc));
    }

    public void Dispose()
    {
        table.Dispose();
        bench.Dispose();
    }

    [Fact]
    public void Processes_in_our_own_are_none_of_the_others()
    {
        tree.Process(1, "own");
        tree.Process(7, "own");
        tree.Mounts(("own", "/run/netns/own"));

        table.Find().ShouldBeEmpty();
    }

    [Fact]
    public void Each_namespace_is_there_once_with_its_first_process()
    {
        ulong blue = tree.Make("blue");
        ulong red = tree.Make("red");
        tree.Process(20, "blue");
        tree.Process(30, "red");
        tree.Process(40, "blue");

        table.Find().OrderBy(entry => entry.ProcessId).ShouldBe(
        [
            new NamespaceEntry(blue, $"netns-{blue}", 20, Path.Join(bench.Proc, "20/ns/net")),
            new NamespaceEntry(red, $"netns-{red}", 30, Path.Join(bench.Proc, "30/ns/net")),
        ]);
    }

    [Fact]
    public void The_name_that_ip_netns_knows_goes_before_the_unit_and_the_unit_before_the_number()
    {
        tree.Make("blue");
        tree.Make("red");
        ulong green = tree.Make("green");
        tree.Process(20, "blue", Container);
        tree.Process(30, "red", Container);
        tree.Process(40, "green");
        tree.Mounts(("blue", "/run/docker/netns/0a1b"), ("blue", "/run/netns/shop"), ("red", "/run/docker/netns/0c1d"));

        var found = table.Find().ToDictionary(entry => entry.ProcessId);

        found[20].Name.ShouldBe("shop");
        found[30].Name.ShouldBe("docker-0123456789ab");
        found[30].Path.ShouldBe("/run/docker/netns/0c1d", "a mount takes no ptrace rights");
        found[40].Name.ShouldBe($"netns-{green}");
    }

    [Fact]
    public void A_namespace_without_a_process_is_found_by_its_mount()
    {
        ulong blue = tree.Make("blue");
        tree.Mounts(("blue", "/run/netns/blue"), ("blue", "/mnt/again"));

        table.Find().ShouldBe([new NamespaceEntry(blue, "blue", 0, "/run/netns/blue")]);
    }

    [Fact]
    public void Names_are_unique_and_whoever_has_one_keeps_it()
    {
        ulong second = tree.Make("b");
        ulong first = tree.Make("a");
        tree.Process(30, "a", "/system.slice/web.service");
        table.Find().Single().Name.ShouldBe("web.service");

        tree.Process(20, "b", "/system.slice/web.service");
        table.Find().ToDictionary(entry => entry.Id, entry => entry.Name).ShouldBe(
            new Dictionary<ulong, string> { [first] = "web.service", [second] = $"web.service-{second}" }, ignoreOrder: true);

        bench.End(30);
        table.Find().Single().Name.ShouldBe($"web.service-{second}");
    }

    [Fact]
    public void No_other_is_called_self()
    {
        ulong inode = tree.Make("a");
        tree.Mounts(("a", "/run/netns/self"));

        table.Find().Single().Name.ShouldBe($"self-{inode}");
    }

    [Fact]
    public void The_name_follows_the_process_it_comes_from_and_stays_when_a_lower_pid_appears()
    {
        tree.Make("a");
        tree.Process(30, "a", "/system.slice/runtime.service");
        table.Find().Single().Name.ShouldBe("runtime.service");

        // A container's first process joins its cgroup after its network namespace.
        tree.Process(30, "a", Container);
        table.Find().Single().Name.ShouldBe("docker-0123456789ab");

        tree.Process(20, "a", "/system.slice/other.service");
        NamespaceEntry entry = table.Find().Single();
        (entry.Name, entry.ProcessId).ShouldBe(("docker-0123456789ab", 30));

        bench.End(30);
        entry = table.Find().Single();
        (entry.Name, entry.ProcessId).ShouldBe(("other.service", 20));
    }

    [Fact]
    public void What_has_ended_is_gone()
    {
        tree.Make("a");
        tree.Process(30, "a");
        table.Find().Count.ShouldBe(1);

        bench.End(30);

        table.Find().ShouldBeEmpty();
    }

    [Fact]
    public void A_process_whose_namespace_is_gone_meanwhile_is_passed_over()
    {
        tree.Make("a");
        tree.Process(30, "a");
        bench.Remove("30/ns/net");

        table.Find().ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_list_of_mounts_there_are_those_of_processes()
    {
        tree.Make("a");
        tree.Process(30, "a");
        bench.Remove("self/mountinfo");

        table.Find().Count.ShouldBe(1);
    }

    [Fact]
    public void Without_our_own_nothing_can_be_told_apart()
    {
        bench.Remove("net");

        Should.Throw<KernelReadException>(table.Find).Kind.ShouldBe(FailureKind.Absent);
    }
}
