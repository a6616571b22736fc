using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public class ProcFsTests
{
    [Fact]
    public void The_root_is_where_the_kernel_mounts_it_unless_told_otherwise()
    {
        new ProcFs().PathOf("sys/fs/file-nr").ShouldBe("/proc/sys/fs/file-nr");
        new ProcFs("/host/proc").PathOf("sys/fs/file-nr").ShouldBe("/host/proc/sys/fs/file-nr");
        new ProcFs("/host/proc/").PathOf("stat").ShouldBe("/host/proc/stat");
    }

    [Fact]
    public void Files_know_their_full_path_for_messages()
    {
        var proc = new ProcFs("/host/proc");

        using ProcFile file = proc.File("sys/fs/nr_open");
        using ProcFile netFile = proc.NetFile("snmp");

        file.Path.ShouldBe("/host/proc/sys/fs/nr_open");
        netFile.Path.ShouldBe("/host/proc/net/snmp");
    }
}
