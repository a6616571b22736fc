using System.Text;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Kernel.Proc;

public class ProcessVisibilityTests
{
    private const string Nobody = "Name:\tx\nGid:\t65534\t65534\t65534\t65534\nGroups:\t4 27 \nCapEff:\t0000000000000000\n";
    private const string Root = "Name:\tx\nGid:\t0\t0\t0\t0\nGroups:\t \nCapEff:\t000001ffffffffff\n";

    [Theory]
    [InlineData("rw,relatime", Nobody, false)]
    [InlineData("rw,hidepid=0", Nobody, false)]
    [InlineData("rw,hidepid=1", Nobody, false)]
    [InlineData("rw,hidepid=noaccess", Nobody, false)]
    [InlineData("rw,hidepid=2", Nobody, true)]
    [InlineData("rw,hidepid=invisible", Nobody, true)]
    [InlineData("rw,gid=4,hidepid=invisible", Nobody, false)]
    [InlineData("rw,gid=5,hidepid=invisible", Nobody, true)]
    [InlineData("rw,hidepid=ptraceable", Nobody, true)]
    [InlineData("rw,gid=4,hidepid=ptraceable", Nobody, true)]
    [InlineData("rw,hidepid=invisible", Root, false)]
    [InlineData("rw,hidepid=ptraceable", Root, false)]
    public void Options_hide_from_whom_the_kernel_hides(string options, string status, bool hides) => ProcessVisibility.Hides(Encoding.ASCII.GetBytes(options), Encoding.ASCII.GetBytes(status)).ShouldBe(hides);

    [Theory]
    [InlineData("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0", true)]
    [InlineData("2 (kthreadd) S 0 2 2 0 -1 4194560 0 0 0 0", false)]
    [InlineData("2 (a) b) 2097152) S 0 2 2 0 -1 4194560 0", false)]
    [InlineData("", false)]
    public void The_second_process_of_the_host_is_a_kernel_thread(string stat, bool isHost) => ProcessVisibility.IsKernelThread(Encoding.ASCII.GetBytes(stat)).ShouldBe(isHost);

    [Fact]
    public void The_last_mount_over_a_place_is_seen()
    {
        byte[] mounts = Encoding.ASCII.GetBytes("21 26 0:20 / /proc rw,relatime - proc proc rw\n30 21 0:33 / /proc rw shared:2 - proc proc rw,hidepid=invisible\n31 26 0:34 / /host\\040proc rw - proc proc rw,gid=4\n");

        MountInfo.FindOptions("mountinfo", mounts, "/proc").ShouldBe("rw,hidepid=invisible");
        MountInfo.FindOptions("mountinfo", mounts, "/host proc").ShouldBe("rw,gid=4");
        MountInfo.FindOptions("mountinfo", mounts, "/sys").ShouldBeNull();
    }
}
