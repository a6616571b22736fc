using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

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

    [Fact]
    public void Those_who_read_the_same_file_have_one_descriptor_until_the_last_of_them_is_gone()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("somaxconn", "128\n"u8.ToArray());
        var proc = new ProcFs(directory.Path, isShared: true);
        ProcFile first = proc.File("somaxconn");
        ProcFile second = proc.File("somaxconn");

        (first.ReadNumber(), second.ReadNumber()).ShouldBe((128ul, 128ul));
        OpenAt(path).ShouldBe(1);
        first.Dispose();
        File.WriteAllText(path, "4096\n");
        second.ReadNumber().ShouldBe(4096ul);
        first.ReadNumber().ShouldBe(4096ul);
        OpenAt(path).ShouldBe(1);

        first.Dispose();
        first.Dispose();
        second.Dispose();
        OpenAt(path).ShouldBe(0);

        using var own = new ProcFile(path);
        using ProcFile another = new ProcFs(directory.Path).File("somaxconn");
        (own.ReadNumber(), another.ReadNumber()).ShouldBe((4096ul, 4096ul));
        OpenAt(path).ShouldBe(2);
    }

    private static int OpenAt(string path) => Directory.GetFiles("/proc/self/fd").Count(descriptor => new FileInfo(descriptor).LinkTarget == path);
}
