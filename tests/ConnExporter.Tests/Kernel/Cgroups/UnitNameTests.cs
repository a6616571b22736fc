using System.Text;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using static ConnExporter.Tests.Support.Refusal;

namespace ConnExporter.Tests.Kernel.Cgroups;

public class UnitNameTests
{
    private const string Id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("/system.slice/nginx.service", "nginx.service")]
    [InlineData("/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service")]
    [InlineData("/init.scope", "init.scope")]
    [InlineData("/user.slice/user-1000.slice/session-3.scope", "session-3.scope")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service", "editor.service")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service")]
    [InlineData("/system.slice/nginx.service/workers", "nginx.service")]
    [InlineData("/user.slice/user-1000.slice", "user-1000.slice")]
    [InlineData("/../../system.slice/nginx.service", "nginx.service")]
    [InlineData(@"/system.slice/dev-disk\x2dby.service", @"dev-disk\x2dby.service")]
    public void A_systemd_unit_is_named_by_the_innermost_service_or_scope(string path, string unit) => FromPath(path).ShouldBe(unit);

    [Theory]
    [InlineData($"/system.slice/docker-{Id}.scope", "docker-0123456789ab")]
    [InlineData($"/docker/{Id}", "docker-0123456789ab")]
    [InlineData($"/machine.slice/libpod-{Id}.scope", "libpod-0123456789ab")]
    [InlineData($"/machine.slice/libpod-conmon-{Id}.scope", "libpod-conmon-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-{Id}.scope", "cri-containerd-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-pod1_2.slice/crio-{Id}.scope", "crio-0123456789ab")]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", "kubepods-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-burstable-pod1_2.slice/{Id}", "kubepods-0123456789ab")]
    [InlineData($"/some-engine/{Id}", "container-0123456789ab")]
    [InlineData($"/system.slice/docker-{Id}.scope/system.slice/nginx.service", "docker-0123456789ab")]
    public void A_container_is_named_by_engine_and_short_id(string path, string unit) => FromPath(path).ShouldBe(unit);

    [Theory]
    [InlineData("/docker/0123456789ab", "0123456789ab")]
    [InlineData("/lxc/web1", "web1")]
    [InlineData("/lxc.payload.web1", "lxc.payload.web1")]
    [InlineData("/a/b/c/", "c")]
    [InlineData("/../../batch", "batch")]
    [InlineData("/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF")]
    [InlineData("/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF-and-more", "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF")]
    public void What_is_neither_is_named_as_its_maker_called_it(string path, string unit) => FromPath(path).ShouldBe(unit);

    [Theory]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("//")]
    [InlineData("/..")]
    [InlineData("/../../..")]
    public void The_root_and_what_lies_outside_have_no_name(string path) => FromPath(path).ShouldBe(UnitName.None);

    [Theory]
    [InlineData("0::/system.slice/nginx.service\n", "nginx.service")]
    [InlineData("0::/\n", "none")]
    [InlineData("", "none")]
    [InlineData("nonsense\n", "none")]
    [InlineData("0:\n", "none")]
    public void Version_2_has_one_line(string text, string unit) => FromFile(text).ShouldBe(unit);

    [Theory]
    [InlineData("4:memory:/system.slice/other.service\n1:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service")]
    [InlineData($"4:memory:/docker/{Id}\n1:name=systemd:/\n0::/\n", "docker-0123456789ab")]
    [InlineData("9:name=systemd:/\n8:pids:/\n0::/\n", "none")]
    [InlineData("4:cpu,cpuacct:/system.slice/nginx.service\n", "nginx.service")]
    [InlineData("4:memory:/jobs/17\n1:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service")]
    [InlineData("4:memory:/jobs/17\n1:name=systemd:/\n0::/batch\n", "batch")]
    [InlineData("4:memory:/jobs/17\n3:cpuset:/other\n0::/\n", "17")]
    [InlineData("0::/batch\n4:memory:/system.slice/nginx.service\n", "nginx.service")]
    public void Version_1_is_asked_for_systemds_own_tree_first(string text, string unit) => FromFile(text).ShouldBe(unit);

    [Fact]
    public void A_path_may_hold_colons() => FromFile("0::/system.slice/a:b.service\n").ShouldBe("a:b.service");

    [Fact]
    public void A_cgroup_that_was_removed_keeps_its_name() => FromFile("0::/system.slice/nginx.service (deleted)\n").ShouldBe("nginx.service");

    [Theory]
    [InlineData("linux-4.19", "docker-9e0c6a49e01e", "kubepods-32612a53e612")]
    [InlineData("linux-6.18", "docker-9e0c6a49e01e", "cri-containerd-32612a53e612")]
    public void Processes_of_every_kernel_have_their_units(string vintage, string docker, string pod)
    {
        using var table = new ProcessTable(Fixture.Proc(vintage));
        table.Rewind();
        string Unit(int pid)
        {
            table.ReadFile(pid, "cgroup"u8, out ReadOnlySpan<byte> text).ShouldBe(ProcessAccess.Ok);
            return UnitName.FromProcessFile(text);
        }

        int[] pids = [1, 2, 413, 731, 890, 958, 1204, 1377];

        pids.Select(Unit).ShouldBe(["init.scope", "none", "nginx.service", "postgresql@15-main.service", "user@1000.service", docker, pod, "session-3.scope"]);
    }

    [Fact]
    public void A_text_that_was_cut_names_nothing()
    {
        byte[] whole = Bytes("0::/system.slice/system-web.slice/nginx.service\n");

        ParserProperties.EveryTruncationIsRefusedOrUnderstood(whole, text => UnitName.FromProcessFile(text), (_, unit) => unit == UnitName.None);
    }

    [Fact]
    public void Damaged_files_name_something_or_nothing() => ParserProperties.NothingButRefusalsEscape(
        [Fixture.Read("linux-4.19", "1204/cgroup"), Fixture.Read("linux-6.18", "958/cgroup"), Fixture.Read("linux-6.18", "731/cgroup")],
        text => UnitName.FromProcessFile(text).ShouldNotBeNullOrEmpty());

    private static string FromPath(string path) => UnitName.FromPath(Encoding.UTF8.GetBytes(path));

    private static string FromFile(string text) => UnitName.FromProcessFile(Bytes(text));
}
