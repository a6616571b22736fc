using ConnExporter.Kernel.Namespaces;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Namespaces;

public class NamespaceMountTests
{
    private const string Path = "/proc/self/mountinfo";
    private const string Named = "75 42 0:4 net:[4026532327] /run/netns/blue rw shared:143 - nsfs nsfs rw";

    [Theory]
    [InlineData(Named, "/run/netns/blue", "blue")]
    [InlineData("75 42 0:4 net:[4026532327] /var/run/netns/blue rw - nsfs nsfs rw", "/var/run/netns/blue", "blue")]
    [InlineData("75 42 0:4 net:[4026532327] /run/docker/netns/0a1b2c3d4e5f rw shared:1 master:2 - nsfs nsfs rw", "/run/docker/netns/0a1b2c3d4e5f", null)]
    [InlineData("75 42 0:4 net:[4026532327] /run/netns/two\\040words\\134 rw - nsfs nsfs rw", "/run/netns/two words\\", "two words\\")]
    [InlineData("75 42 0:4 net:[4026532327] /run/netns/half\\04 rw - nsfs nsfs rw", "/run/netns/half\\04", "half\\04")]
    [InlineData("75 42 0:4 net:[4026532327] /run/netns rw - nsfs nsfs rw", "/run/netns", null)]
    public void A_mounted_network_namespace_has_a_number_a_place_and_maybe_a_name(string line, string place, string? name)
    {
        NamespaceMount.TryParse(Path, Bytes(line), out NamespaceMount mount).ShouldBeTrue();

        mount.ShouldBe(new NamespaceMount(4026532327, place));
        mount.Name.ShouldBe(name);
    }

    [Fact]
    public void A_place_that_is_no_text_is_kept_as_bytes()
    {
        byte[] line = [.. Bytes("75 42 0:4 net:[4026532327] /run/netns/a\\040b"), 0xff, .. Bytes("x rw - nsfs nsfs rw")];

        NamespaceMount.TryParse(Path, line, out NamespaceMount mount).ShouldBeTrue();

        mount.MountPoint.ShouldBe("/run/netns/a b\ufffdx");
        mount.RawMountPoint.ShouldBe([.. Bytes("/run/netns/a b"), 0xff, (byte)'x']);
        NamespaceMount.TryParse(Path, Bytes(Named), out mount).ShouldBeTrue();
        mount.RawMountPoint.ShouldBeNull();
    }

    [Theory]
    [InlineData("22 27 0:21 / /proc rw,relatime - proc proc rw")]
    [InlineData("25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684092k")]
    [InlineData("75 42 0:4 mnt:[4026532327] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw")]
    [InlineData("75 42 0:4 net:[nothing] /run/netns/blue rw - nsfs nsfs rw")]
    [InlineData("75 42 0:4 net:[4026532327] /mnt rw - ext4 /dev/sda rw")]
    [InlineData("75 42 0:4 / /mnt rw - 9p share")]
    public void Other_mounts_are_passed_over(string line) => NamespaceMount.TryParse(Path, Bytes(line), out _).ShouldBeFalse();

    [Theory]
    [InlineData("")]
    [InlineData("75 42 0:4 net:[4026532327] /run/netns/blue rw")]
    [InlineData("75 42 0:4 net:[4026532327] /run/netns/blue rw shared:143 -")]
    [InlineData("75 42 0:4 net:[4026532327] /run/netns/blue rw shared:143 - nsfs")]
    public void What_is_no_mount_is_refused(string line) => ShouldBeBroken(() => _ = NamespaceMount.TryParse(Path, Bytes(line), out NamespaceMount _), Path, "a mount", line);

    [Fact]
    public void No_truncation_is_misread() =>
        ParserProperties.EveryTruncationIsRefusedOrUnderstood(
            Bytes(Named),
            bytes => NamespaceMount.TryParse(Path, bytes, out NamespaceMount mount) ? mount : default);

    [Fact]
    public void Nothing_but_refusals_escape() =>
        ParserProperties.NothingButRefusalsEscape([Bytes(Named), Bytes("22 27 0:21 / /pr\\040oc rw - proc proc rw")], bytes => _ = NamespaceMount.TryParse(Path, bytes, out NamespaceMount _));
}
