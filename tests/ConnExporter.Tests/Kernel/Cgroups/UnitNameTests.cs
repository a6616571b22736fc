using System.Text;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
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
    [InlineData("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service")]
    [InlineData("/system.slice/nginx.service/workers", "nginx.service")]
    [InlineData("/user.slice/user-1000.slice", "user-1000.slice")]
    [InlineData(@"/system.slice/dev-disk\x2dby.service", @"dev-disk\x2dby.service")]
    [InlineData("/system.slice/mnt-data.mount", "mnt-data.mount")]
    [InlineData(@"/system.slice/my\x20app.service", @"my\x20app.service")]
    [InlineData("/system.slice/system-getty.slice", "system-getty.slice")]
    [InlineData("/system.slice/ssh.socket", "ssh.socket")]
    [InlineData("/system.slice/dev-sda2.swap", "dev-sda2.swap")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/supervisor", "systemd-nspawn@web.service")]
    [InlineData("/machine.slice/machine-web.scope/supervisor", "machine-web.scope")]
    [InlineData("/system.slice/web.service/payload", "web.service")]
    [InlineData("/system.slice/web.service/jobs/payload", "web.service")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice", "user@1000.service")]
    [InlineData($"/system.slice/backup-{Id}.scope", $"backup-{Id}.scope")]
    [InlineData($"/system.slice/docker-{Id}.service", $"docker-{Id}.service")]
    [InlineData($"/system.slice/{Id}.scope", $"{Id}.scope")]
    [InlineData($"/system.slice/docker-{Id}0.scope", $"docker-{Id}0.scope")]
    [InlineData($"/system.slice/build.service/{Id}", "build.service")]
    [InlineData($"/system.slice/build.service/cache-{Id}", "build.service")]
    [InlineData($"/system.slice/build.service/web:v1:{Id}", "build.service")]
    [InlineData("/system.slice/docker.service", "docker.service")]
    [InlineData("/system.slice/containerd.service", "containerd.service")]
    [InlineData("/system.slice/docker-proxy.service", "docker-proxy.service")]
    [InlineData("/system.slice/a:docker:b.service", "a:docker:b.service")]
    [InlineData("/system.slice/_cpu.service", "cpu.service")]
    [InlineData("/system.slice/__private.service", "_private.service")]
    [InlineData(@"/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator", @"machine-qemu\x2d1\x2dvm.scope")]
    public void A_unit_of_the_hosts_manager_is_the_first_part_after_slices(string path, string unit)
    {
        FromPath(path).ShouldBe(unit);
        UnitName.IsOfHost(unit).ShouldBeTrue();
    }

    [Theory]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service", "user@1000.service/nginx.service")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/app-web.slice/web@a.service/worker", "user@1000.service/web@a.service")]
    [InlineData("/system.slice/engine.service/nginx.service", "engine.service/nginx.service")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "systemd-nspawn@web.service/payload/nginx.service")]
    [InlineData("/lxc.payload.c1/system.slice/nginx.service", "lxc.payload.c1/nginx.service")]
    [InlineData("/lxc/c1/system.slice/nginx.service", "lxc/c1/nginx.service")]
    [InlineData("/lxc/c2/system.slice/nginx.service", "lxc/c2/nginx.service")]
    [InlineData("/lxc/c1/init.scope", "lxc/c1")]
    [InlineData("/lxc.payload.c1/init.scope", "lxc.payload.c1")]
    [InlineData("/lxc.payload.c1/system.slice", "lxc.payload.c1/system.slice")]
    [InlineData("/lxc/web1", "lxc/web1")]
    [InlineData("/lxc/web1/ns", "lxc/web1")]
    [InlineData("/lxc/101/ns/system.slice/nginx.service", "lxc/101/ns/nginx.service")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn@web.service/payload")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload/init.scope", "systemd-nspawn@web.service/payload")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload/job", "systemd-nspawn@web.service/payload")]
    [InlineData("/machine.slice/machine-web.scope/payload", "machine-web.scope/payload")]
    [InlineData("/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "machine-web.scope/payload/nginx.service")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/user.slice/podman-42.scope", "user@1000.service/podman-42.scope")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/app.socket", "user@1000.service/app.socket")]
    [InlineData($"/user.slice/user-1000.slice/user@1000.service/app.slice/backup-{Id}.scope", $"user@1000.service/backup-{Id}.scope")]
    [InlineData("/../../system.slice/nginx.service", "../nginx.service")]
    [InlineData("/../../../../system.slice/nginx.service", "../nginx.service")]
    [InlineData("/../nginx.service", "../nginx.service")]
    [InlineData("/../../init.scope", "../init.scope")]
    [InlineData("/../../../system.slice/ssh.socket", "../ssh.socket")]
    [InlineData("/../../user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "../user@1000.service/web.service")]
    [InlineData("/../lxc.payload.c1/../nginx.service", "../lxc.payload.c1/../nginx.service")]
    [InlineData("/../system.slice", "../system.slice")]
    [InlineData("/jobs/nginx.service", "jobs/nginx.service")]
    [InlineData("/system.slice/jobs/nginx.service", "jobs/nginx.service")]
    [InlineData("/system.slice/_nginx.service", "system.slice/_nginx.service")]
    [InlineData("/system.slice/cpu.service", "system.slice/cpu.service")]
    [InlineData("/_nginx.service", "/_nginx.service")]
    [InlineData("/system.slice/x;reboot;.service", "x;reboot;.service")]
    [InlineData("/system.slice/my app.service", "my app.service")]
    [InlineData("/system.slice/.service", ".service")]
    [InlineData("/system.slice/@1.service", "@1.service")]
    [InlineData("/a/0123456789012345678901234567890123456789012345678901234.service.d", "0123456789012345678901234567890123456789012345678901234.service.…")]
    public void What_is_none_of_the_hosts_has_no_name_that_the_host_could_have(string path, string unit)
    {
        FromPath(path).ShouldBe(unit);
        UnitName.IsOfHost(unit).ShouldBeFalse();
    }

    [Fact]
    public void A_cut_name_of_a_cgroup_does_not_read_as_a_unit() => UnitName.IsOfHost(FromPath($"/jobs/{new string('a', 56)}.service-of-mine")).ShouldBeFalse();

    [Fact]
    public void No_name_of_a_unit_is_longer_than_systemd_takes()
    {
        UnitName.IsOfHost(new string('a', 247) + ".service").ShouldBeTrue();
        UnitName.IsOfHost(new string('a', 248) + ".service").ShouldBeFalse();
    }

    [Fact]
    public void A_deep_path_has_a_bounded_name() =>
        FromPath($"/a.service/{string.Concat(Enumerable.Repeat("x/", 300))}b.service").ShouldBe("a.service/…/b.service");

    [Fact]
    public void Whatever_is_nested_has_no_name_of_the_host() => Prop.ForAll(
        Gen.Elements("system.slice", "a.service", "b.scope", "init.scope", "..", "jobs", "user@1.service", "_c.service", "d e.service", "f.mount").NonEmptyListOf().ToArbitrary(),
        parts =>
        {
            string name = FromPath("/" + string.Join('/', parts));

            // systemd's own reading: slices are passed over, the next part is the unit.
            string? first = parts.SkipWhile(part => part.EndsWith(".slice", StringComparison.Ordinal)).FirstOrDefault();
            if (UnitName.IsOfHost(name) && !name.EndsWith(".slice", StringComparison.Ordinal))
            {
                name.ShouldBe(first);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(ParserProperties.Runs).WithQuietOnSuccess(true));

    [Theory]
    [InlineData($"/system.slice/docker-{Id}.scope", "docker-0123456789ab")]
    [InlineData($"/docker/{Id}", "docker-0123456789ab")]
    [InlineData($"/system.slice:docker:{Id}", "docker-0123456789ab")]
    [InlineData($"/system.slice/docker.service/{Id}", "docker-0123456789ab")]
    [InlineData($"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{Id}.scope", "docker-0123456789ab")]
    [InlineData($"/docker/{Id}/docker/f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "docker-f123456789ab")]
    [InlineData($"/machine.slice/libpod-{Id}.scope", "libpod-0123456789ab")]
    [InlineData($"/machine.slice/libpod-{Id}.scope/container", "libpod-0123456789ab")]
    [InlineData($"/machine.slice/libpod-conmon-{Id}.scope", "libpod-conmon-0123456789ab")]
    [InlineData($"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{Id}.scope/container", "libpod-0123456789ab")]
    [InlineData($"/system.slice/web.service/libpod-payload-{Id}", "libpod-0123456789ab")]
    [InlineData($"/libpod_parent/libpod-{Id}", "libpod-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-{Id}.scope", "pod 1-2/cri-containerd-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-pod1_2.slice/crio-{Id}.scope", "pod 1-2/crio-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-pod1_2.slice/crio-{Id}.scope/container", "pod 1-2/crio-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-pod1_2.slice/crio-conmon-{Id}.scope", "pod 1-2/crio-conmon-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-pod1_2.slice/docker-{Id}.scope", "pod 1-2/docker-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-pod1_2.slice/another-engine-{Id}.scope", "pod 1-2/another-engine-0123456789ab")]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", "pod 0d1c1f0a-52b1/kubepods-0123456789ab")]
    [InlineData($"/kubepods/pod0d1c1f0a-52b1/kata_{Id}", "pod 0d1c1f0a-52b1/kata-0123456789ab")]
    [InlineData($"/kubepods.slice/kubepods-burstable-pod1_2.slice/{Id}", "pod 1-2/kubepods-0123456789ab")]
    [InlineData($"/kubepods-besteffort-pod1.slice:cri-containerd:{Id}", "pod 1/cri-containerd-0123456789ab")]
    [InlineData($"/system.slice/containerd.service/kubepods-burstable-pod0d1c1f0a_52b1.slice:cri-containerd:{Id}", "pod 0d1c1f0a-52b1/cri-containerd-0123456789ab")]
    [InlineData($"/system.slice/k3s.service/kubepods/besteffort/pod0d1c1f0a-52b1/{Id}", "pod 0d1c1f0a-52b1/kubepods-0123456789ab")]
    [InlineData($"/docker/{Id}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1_2.slice/cri-containerd-f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope", "cri-containerd-f123456789ab")]
    [InlineData($"/../../kubepods-burstable-pod1_2.slice/cri-containerd-{Id}.scope", "pod 1-2/cri-containerd-0123456789ab")]
    [InlineData($"/../cri-containerd-{Id}.scope", "cri-containerd-0123456789ab")]
    [InlineData($"/some-engine/{Id}", "container-0123456789ab")]
    [InlineData($"/ecs/0d1c1f0a52b1/{Id}", "container-0123456789ab")]
    [InlineData($"/podbad/{Id}", "container-0123456789ab")]
    [InlineData($"/system.slice/docker-{Id}.scope/system.slice/nginx.service", "docker-0123456789ab")]
    public void A_container_is_named_by_engine_and_short_id_and_the_uid_of_its_pod(string path, string unit) => FromPath(path).ShouldBe(unit);

    [Theory]
    [InlineData("/docker/0123456789ab", "0123456789ab")]
    [InlineData("/lxc.payload.web1", "lxc.payload.web1")]
    [InlineData("/lxc.monitor.web1", "lxc.monitor.web1")]
    [InlineData("/lxc", "lxc")]
    [InlineData("/kubepods/burstable/pod0d1c1f0a-52b1", "pod0d1c1f0a-52b1")]
    [InlineData("/default/redis", "redis")]
    [InlineData("/a/b/c/", "c")]
    [InlineData("/../../batch", "batch")]
    [InlineData("/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF")]
    [InlineData("/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF-and-more", "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF…")]
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
    public void A_cgroup_that_was_removed_is_named_so_and_no_command_takes_it_for_a_unit()
    {
        FromFile("0::/system.slice/nginx.service (deleted)\n").ShouldBe("nginx.service (deleted)");
        UnitName.IsOfHost("nginx.service (deleted)").ShouldBeFalse();
        FromFile("0::/made by hand (deleted)\n").ShouldBe("made by hand (deleted)");
        FromFile("0::/system.slice/(deleted).service\n").ShouldBe("(deleted).service", "lookalike");
    }

    [Theory]
    [InlineData("foo@.service", false)]
    [InlineData("foo@.scope", false)]
    [InlineData("foo@bar.service", true)]
    [InlineData("foo@bar@.service", true)]
    [InlineData("foo.service", true)]
    public void A_template_is_no_unit_that_runs(string name, bool isUnit) => UnitName.IsOfHost(name).ShouldBe(isUnit);

    [Theory]
    [InlineData("linux-4.19", "docker-9e0c6a49e01e", "pod 0d1c1f0a-52b1-4a6e-9d3c-1f6f1c2b7a10/kubepods-32612a53e612")]
    [InlineData("linux-6.18", "docker-9e0c6a49e01e", "pod 0d1c1f0a-52b1-4a6e-9d3c-1f6f1c2b7a10/cri-containerd-32612a53e612")]
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

    [Theory]
    [InlineData(@"machine-qemu\x2d1\x2dweb.scope", "machine-qemu-1-web.scope")]
    [InlineData(@"my\x20app.service", @"my\x20app.service")]
    [InlineData(@"wide\xe3\x80\x80app.service", @"wide\xe3\x80\x80app.service")]
    [InlineData(@"mnt-b\xc3\xbccher.mount", "mnt-bücher.mount")]
    [InlineData(@"user@1000.service/a\x2db.service", "user@1000.service/a-b.service")]
    [InlineData("nginx.service", "nginx.service")]
    [InlineData(@"half\x2.service", @"half\x2.service")]
    [InlineData(@"half\xzz.service", @"half\xzz.service")]
    [InlineData(@"no\xfftext.service", @"no\xfftext.service")]
    [InlineData(@"end\x2", @"end\x2")]
    [InlineData(@"line\x0aend.service", @"line\x0aend.service")]
    [InlineData("", "")]
    public void Escapes_are_undone_for_reading_only(string name, string text) => UnitName.Readable(name).ShouldBe(text);

    [Theory]
    [InlineData($"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0d1c1f0a_52b1.slice/cri-containerd-{Id}.scope", "0d1c1f0a-52b1")]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", "0d1c1f0a-52b1")]
    [InlineData($"/kubepods-besteffort-pod1.slice:cri-containerd:{Id}", "1")]
    [InlineData($"/docker/{Id}", null)]
    [InlineData($"/system.slice/podman.service/docker-{Id}.scope", null)]
    [InlineData($"/kubepods.slice/docker-{Id}.scope", null)]
    public void A_container_of_Kubernetes_tells_its_pod(string path, string? pod) => Container.Of(Bytes(path)).ShouldNotBeNull().PodUid.ShouldBe(pod);

    [Theory]
    [InlineData("0::/../../../system.slice/kubelet.service\n", "kubelet.service")]
    [InlineData("0::/../../../init.scope\n", "init.scope")]
    [InlineData("0::/../../../user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n", "user@1000.service/web.service")]
    [InlineData("0::/../../kubelet.service\n", "../kubelet.service")]
    [InlineData("0::/../../../../kubelet.service\n", "../kubelet.service")]
    [InlineData("0::/..kubelet.service\n", "/..kubelet.service")]
    [InlineData("0::/../../../\n", "none")]
    public void From_a_cgroup_namespace_below_it_process_1_tells_where_the_managers_tree_begins(string text, string unit) =>
        UnitName.FromProcessFile(Bytes(text), 3).ShouldBe(unit);

    private static string FromPath(string path) => UnitName.FromPath(Encoding.UTF8.GetBytes(path));

    private static string FromFile(string text) => UnitName.FromProcessFile(Bytes(text));
}
