using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Proc;

public class MountInfoTests
{
    private const string Path = "/proc/self/mountinfo";

    private const string Hybrid = """
        23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:2 - cgroup2 cgroup2 rw

        """;

    [Fact]
    public void A_mount_is_found_by_its_type() => Find(Hybrid).ShouldBe("/sys/fs/cgroup/unified");

    [Fact]
    public void One_below_the_root_asked_for_goes_first() =>
        Find(Hybrid + "99 23 0:38 /.. /host/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "/host/sys").ShouldBe("/host/sys/fs/cgroup");

    [Fact]
    public void A_path_that_merely_begins_alike_is_not_below() =>
        Find("1 2 0:1 / /sysx/a rw - cgroup2 c rw\n1 2 0:1 / /sys rw - cgroup2 c rw\n").ShouldBe("/sys");

    [Fact]
    public void Another_will_do() => Find("1 2 0:1 / /a/b rw - cgroup2 c rw\n1 2 0:1 / /c rw - cgroup2 c rw\n").ShouldBe("/a/b");

    [Fact]
    public void There_may_be_none()
    {
        Find(string.Empty).ShouldBeNull();
        Find("35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n").ShouldBeNull();
    }

    [Theory]
    [InlineData(@"/a\040b", "/a b")]
    [InlineData(@"/a\134b", @"/a\b")]
    [InlineData(@"/a\09", @"/a\09")]
    [InlineData(@"/a\04", @"/a\04")]
    public void Blanks_in_a_path_are_written_as_numbers(string written, string path) => Find($"1 2 0:1 / {written} rw - cgroup2 c rw\n").ShouldBe(path);

    [Theory]
    [InlineData("nonsense\n")]
    [InlineData("1 2 0:1 / /a rw -\n")]
    [InlineData("1 2 0:1 - cgroup2 c rw\n")]
    [InlineData("1 2 0:1 / /a rw - cgroup2 c rw")]
    public void Anything_else_is_refused(string text) => ShouldBe(FailureKind.Broken, "parse", () => Find(text), Path);

    [Fact]
    public void No_truncation_is_misread()
    {
        byte[] whole = Bytes(Hybrid);

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(whole, text => MountInfo.FindMount(Path, text, "cgroup2"u8, "/sys"), (_, found) => found is null);
    }

    private static string? Find(string text, string below = "/sys") => MountInfo.FindMount(Path, Bytes(text), "cgroup2"u8, below);
}
