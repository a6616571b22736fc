using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Cgroups;

public sealed class CgroupNamespaceTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    // The file that stands for the namespace has some inode number, but not that of the first one.
    [Theory]
    [InlineData("0::/init.scope\n", true)]
    [InlineData("4:memory:/\n1:name=systemd:/init.scope\n0::/init.scope\n", true)]
    [InlineData("0::/\n", false)]
    [InlineData("0::/../../init.scope\n", false)]
    [InlineData("0::/lxc.payload.c1/init.scope\n", false)]
    [InlineData(null, false)]
    public void In_a_namespace_of_our_own_process_1_must_be_a_manager_at_its_root(string? first, bool isOfManager)
    {
        directory.Write("self/ns/cgroup", "");
        if (first is not null)
        {
            directory.Write("1/cgroup", first);
        }

        IsOfSystemManager().ShouldBe(isOfManager);
    }

    [Fact]
    public void Before_there_were_cgroup_namespaces_everybody_saw_the_same_paths() => IsOfSystemManager().ShouldBeTrue();

    [Theory]
    [InlineData("0::/../../../../init.scope\n", 4)]
    [InlineData("4:memory:/\n1:name=systemd:/../init.scope\n0::/../init.scope\n", 1)]
    [InlineData("0::/init.scope\n", 0)]
    [InlineData("0::/\n", 0)]
    [InlineData("0::/../cri-containerd-0123.scope\n", 0)]
    [InlineData("0::/../../..init.scope\n", 0)]
    [InlineData("0::/../../lxc.payload.c1/init.scope\n", 0)]
    [InlineData("", 0)]
    [InlineData(null, 0)]
    public void Process_1_tells_how_far_above_us_the_system_managers_tree_begins(string? first, int levels)
    {
        if (first is not null)
        {
            directory.Write("1/cgroup", first);
        }

        directory.Write("2/cgroup", "0::/../init.scope\n");
        using var processes = new ProcessTable(new ProcFs(directory.Path));
        processes.Rewind();
        CgroupNamespace.LevelsAbove(processes).ShouldBe(levels);
    }

    private bool IsOfSystemManager()
    {
        using var processes = new ProcessTable(new ProcFs(directory.Path));
        processes.Rewind();
        return CgroupNamespace.IsOfSystemManager(processes);
    }
}
