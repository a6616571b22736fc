using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Cgroups;

#pragma warning disable CA1416 // Tests of a program for Linux.

public sealed class PodNamesTests : IDisposable
{
    private const string Id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    private const string Slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0d1c1f0a_52b1.slice";
    private const string Bundle = $"run/containerd/io.containerd.runtime.v2.task/k8s.io/{Id}/config.json";
    private const string Overlay = $"containers/storage/overlay-containers/{Id}/userdata/config.json";
    private const string Labels = $"var/lib/docker/containers/{Id}/config.v2.json";
    private const string Containerd = """{"ociVersion":"1.1.0","process":{"args":["x"],"annotations":{"io.kubernetes.cri.sandbox-name":"no"}},"annotations":{"io.kubernetes.cri.container-name":"nginx","io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-name":"web-7d4b9c-x2x4z","io.kubernetes.cri.sandbox-namespace":"shop"},"linux":{}}""";
    private const string Kubelet = """{"annotations":{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"web.0","io.kubernetes.pod.namespace":"shop","a":1}}""";
    private const string Docker = """{"ID":"x","Labels":{},"Config":{"Hostname":"h","Labels":{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop"}},"Name":"/k8s_nginx"}""";
    private const string Fallback = "pod 0d1c1f0a-52b1/cri-containerd-0123456789ab";
    private readonly TemporaryDirectory root = new();

    public void Dispose() => root.Dispose();

    [Theory]
    [InlineData($"{Slice}/cri-containerd-{Id}.scope", Bundle, Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"{Slice}/cri-containerd-{Id}.scope", $"run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/{Id}/config.json", Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"{Slice}/cri-containerd-{Id}.scope", $"run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io/{Id}/config.json", Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"/system.slice/containerd.service/kubepods-burstable-pod0d1c1f0a_52b1.slice:cri-containerd:{Id}", Bundle, Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"/system.slice/k3s.service/kubepods/besteffort/pod0d1c1f0a-52b1/{Id}", Bundle, Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"/../../kubepods-burstable-pod1_2.slice/cri-containerd-{Id}.scope", Bundle, Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"{Slice}/crio-{Id}.scope/container", "run/" + Overlay, Kubelet, "pod shop/web.0/nginx")]
    [InlineData($"{Slice}/crio-{Id}.scope", "var/lib/" + Overlay, Kubelet, "pod shop/web.0/nginx")]
    [InlineData($"{Slice}/docker-{Id}.scope", Labels, Docker, "pod shop/web-0/nginx")]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", Bundle, Containerd, "pod shop/web-7d4b9c-x2x4z/nginx")]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", "run/" + Overlay, Kubelet, "pod shop/web.0/nginx")]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", Labels, Docker, "pod shop/web-0/nginx")]
    public void A_container_in_a_pod_is_named_as_its_runtime_tells(string cgroup, string file, string content, string name)
    {
        root.Write(file, content);

        NameOf(cgroup).ShouldBe(name);
        UnitName.FromProcessFile(Encoding.UTF8.GetBytes($"0::{cgroup}\n"), 0, new PodNames(root.Path)).ShouldBe(name);
        UnitName.IsOfHost(name).ShouldBeFalse();
        Container.IsOfPod(name).ShouldBeTrue();
    }

    [Theory]
    [InlineData($"{Slice}/cri-containerd-{Id}.scope", Fallback)]
    [InlineData($"/kubepods/burstable/pod0d1c1f0a-52b1/{Id}", "pod 0d1c1f0a-52b1/kubepods-0123456789ab")]
    [InlineData($"{Slice}/crio-conmon-{Id}.scope", "pod 0d1c1f0a-52b1/crio-conmon-0123456789ab")]
    public void Without_the_runtimes_word_its_pods_uid_goes_before_the_container(string cgroup, string name) => NameOf(cgroup).ShouldBe(name);

    [Theory]
    [InlineData($"/system.slice/docker-{Id}.scope", "docker-0123456789ab")]
    [InlineData($"/system.slice/cri-containerd-{Id}.scope", "cri-containerd-0123456789ab")]
    [InlineData($"{Slice}/crio-conmon-{Id}.scope", "pod 0d1c1f0a-52b1/crio-conmon-0123456789ab")]
    [InlineData($"/user.slice/user-1000.slice/user@1000.service/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-{Id}.scope", "cri-containerd-0123456789ab")]
    [InlineData($"/user.slice/user-1000.slice/user@1000.service/containerd.service/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-{Id}.scope", "cri-containerd-0123456789ab")]
    [InlineData($"/system.slice/jobs.service/kubepods/pod1-2/{Id}", "kubepods-0123456789ab")]
    [InlineData($"/lxc.payload.web/kubepods/pod1-2/{Id}", "kubepods-0123456789ab")]
    [InlineData($"{Slice}/jobs.service/cri-containerd-{Id}.scope", "cri-containerd-0123456789ab")]
    [InlineData($"{Slice}/cri-containerd-f{Id}.scope/kubepods/pod1-2/{Id}", "kubepods-0123456789ab")]
    [InlineData($"{Slice}/cri-containerd-f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope/kubepods/pod1-2/{Id}", "kubepods-0123456789ab")]
    public void Who_may_make_cgroups_gets_no_pods_name_by_calling_them_after_its_container(string cgroup, string name)
    {
        root.Write(Bundle, Containerd);
        root.Write("run/" + Overlay, Kubelet);
        root.Write(Labels, Docker);

        NameOf(cgroup).ShouldBe(name);
    }

    [Theory]
    [InlineData("""{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}""")]
    [InlineData("""{"annotations":{"io.kubernetes.cri.container-name":"POD","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}""")]
    public void A_sandbox_has_the_name_of_its_pod(string json)
    {
        root.Write(Bundle, json);

        NameOf().ShouldBe("pod shop/web-0");
    }

    public static TheoryData<string> Illegal => new(
        "", ".", "..", "-web", "web-", "web..0", ".web", "web.", "a.-b", "Web", "w_b", "w b", "w/b", "w\u00e4b", "w\\u002db", "w\\nb", "w\u202eb", "w\\u001b[2Jb", "$(reboot)", new string('a', 254));

    [Theory]
    [MemberData(nameof(Illegal))]
    public void What_Kubernetes_would_not_call_a_pod_is_not_told(string name)
    {
        root.Write(Bundle, Annotations("shop", name, "nginx"));

        NameOf().ShouldBe(Fallback);
    }

    [Theory]
    [InlineData("shop.x", "web", "nginx")]
    [InlineData("Shop", "web", "nginx")]
    [InlineData("", "web", "nginx")]
    [InlineData("shop", "web", "nginx.service")]
    [InlineData("shop", "web", "pod")]
    [InlineData("shop", "web", "NGINX")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123", "web", "nginx")]
    [InlineData("shop", "web", "0123456789012345678901234567890123456789012345678901234567890123")]
    public void All_of_a_name_is_legal_or_none_is_told(string space, string pod, string container)
    {
        root.Write(Bundle, Annotations(space, pod, container));

        NameOf().ShouldBe(container == "pod" ? "pod shop/web/pod" : Fallback);
    }

    [Fact]
    public void The_longest_legal_name_is_whole_and_bounded()
    {
        string label = new('a', 63);
        string pod = string.Join('.', label, label, label, new string('b', 61));
        root.Write(Bundle, Annotations(label, pod, label));

        NameOf().ShouldBe($"pod {label}/{pod}/{label}");
        NameOf().Length.ShouldBe(385);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not JSON")]
    [InlineData("\"annotations\"")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[{\"annotations\":{}}]")]
    [InlineData(Containerd + "x")]
    [InlineData("\ufeff" + Containerd)]
    [InlineData("[" + Containerd + "]")]
    [InlineData("{\"x\":" + Containerd + "}")]
    [InlineData("""{"annotations":"io.kubernetes.cri.sandbox-name"}""")]
    [InlineData("""{"annotations":["io.kubernetes.cri.sandbox-name","web"]}""")]
    [InlineData("""{"annotations":{"io.kubernetes.cri.sandbox-name":1,"io.kubernetes.cri.sandbox-namespace":2}}""")]
    [InlineData("""{"annotations":{"io.kubernetes.cri.sandbox-name":{"a":"b"},"io.kubernetes.cri.sandbox-namespace":"shop"}}""")]
    [InlineData("""{"annotations":{"io.kubernetes.cri.sandbox-name":"web"}}""")]
    [InlineData("""{"annotations":{"x":{"io.kubernetes.cri.sandbox-name":"web","io.kubernetes.cri.sandbox-namespace":"shop"}}}""")]
    [InlineData("""{"annotations":{"io.kubernetes.cri.sandbox-name":"web","io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.container-name":null}}""")]
    public void What_is_not_what_a_runtime_writes_tells_nothing(string json)
    {
        root.Write(Bundle, Encoding.UTF8.GetBytes(json));

        NameOf().ShouldBe(Fallback);
    }

    [Fact]
    public void Every_beginning_of_a_file_tells_nothing()
    {
        byte[] whole = Encoding.UTF8.GetBytes(Containerd);

        for (int length = 0; length < whole.Length; length++)
        {
            ContainerFile.PodName(ContainerFile.Containerd, whole.AsSpan(0, length)).ShouldBeNull();
        }
    }

    [Fact]
    public void Of_a_name_that_is_there_twice_the_last_counts_as_it_does_for_the_runtime() =>
        ContainerFile.PodName(
            ContainerFile.Containerd,
            """{"annotations":{"io.kubernetes.cri.sandbox-name":"a","io.kubernetes.cri.sandbox-namespace":"shop"},"x":{},"annotations":{"io.kubernetes.cri.sandbox-name":"b"}}"""u8).ShouldBe("pod shop/b");

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"a\":", "}")]
    public void Deep_JSON_is_given_up(string open, string close)
    {
        string deep = string.Concat(Enumerable.Repeat(open, 100_000)) + "1" + string.Concat(Enumerable.Repeat(close, 100_000));
        root.Write(Bundle, $$"""{"x":{{deep}},{{Containerd[1..]}}""");

        NameOf().ShouldBe(Fallback);
    }

    [Fact]
    public void A_file_is_read_up_to_a_mebibyte()
    {
        root.Write(Bundle, Containerd.PadRight(PodNames.SizeLimit));
        NameOf().ShouldBe("pod shop/web-7d4b9c-x2x4z/nginx");

        root.Write(Bundle, Containerd.PadRight(PodNames.SizeLimit + 1));
        NameOf().ShouldBe(Fallback);
    }

    [Fact]
    public void A_link_within_the_root_is_followed_and_one_out_of_it_is_not()
    {
        using var elsewhere = new TemporaryDirectory();
        elsewhere.Write($"docker/containers/{Id}/config.v2.json", Docker);
        root.Write($"data/docker/containers/{Id}/config.v2.json", Docker);
        string link = Path.Join(root.Path, "var/lib/docker");
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);

        File.CreateSymbolicLink(link, "../../data/docker");
        NameOf($"{Slice}/docker-{Id}.scope").ShouldBe("pod shop/web-0/nginx");

        File.Delete(link);
        File.CreateSymbolicLink(link, Path.Join(elsewhere.Path, "docker"));
        NameOf($"{Slice}/docker-{Id}.scope").ShouldBe("pod 0d1c1f0a-52b1/docker-0123456789ab");
    }

    [Fact]
    public void The_file_itself_is_neither_a_link_nor_a_directory()
    {
        string file = root.Write(Bundle, Containerd);
        string other = root.Write("run/other.json", Containerd);
        File.Delete(file);

        File.CreateSymbolicLink(file, other);
        NameOf().ShouldBe(Fallback);

        File.Delete(file);
        Directory.CreateDirectory(file);
        NameOf().ShouldBe(Fallback);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void What_others_may_write_is_not_believed(UnixFileMode mode)
    {
        string file = root.Write(Bundle, Containerd);
        UnixFileMode usual = File.GetUnixFileMode(file);

        File.SetUnixFileMode(file, usual | mode);
        NameOf().ShouldBe(Fallback);

        File.SetUnixFileMode(file, usual);
        string directory = Path.GetDirectoryName(Path.GetDirectoryName(file))!;
        File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | mode);
        NameOf().ShouldBe(Fallback);
    }

    [RootFact]
    public void What_is_not_roots_is_not_believed()
    {
        string file = root.Write(Bundle, Containerd);

        Strangers.Give(file);

        NameOf().ShouldBe(Fallback);
    }

    [Fact]
    public void A_container_is_looked_up_once_and_keeps_its_name_when_its_file_is_gone()
    {
        var names = new PodNames(root.Path);
        string file = root.Write(Bundle, Containerd);
        NameOf(names).ShouldBe("pod shop/web-7d4b9c-x2x4z/nginx");
        File.Delete(file);

        NameOf(names).ShouldBe("pod shop/web-7d4b9c-x2x4z/nginx");
        names.Lookups.ShouldBe(1);
    }

    [Fact]
    public void A_container_of_which_nothing_is_told_is_not_looked_up_again()
    {
        var names = new PodNames(root.Path);
        NameOf(names).ShouldBe(Fallback);
        root.Write(Bundle, Containerd);

        NameOf(names).ShouldBe(Fallback);
        names.Lookups.ShouldBe(1);
    }

    [Fact]
    public void A_file_that_could_not_be_read_is_tried_again_ever_less_often()
    {
        var time = new ManualTime();
        int reads = 0;
        bool fails = true;
        var names = new PodNames(root.Path, time, (path, _) =>
        {
            if (!path.EndsWith($"run/containerd/io.containerd.runtime.v2.task/k8s.io/{Id}", StringComparison.Ordinal))
            {
                return null;
            }

            reads++;
            return fails ? throw new IOException("Input/output error", 5) : Encoding.UTF8.GetBytes(Containerd);
        });

        // In an hour: at once, after 10 s, 30 s, 70 s, 150 s, 310 s, 630 s, then each 10 min.
        for (int second = 0; second < 3600; second++)
        {
            NameOf(names).ShouldBe(Fallback);
            names.FoundLate().ShouldBe(0);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        reads.ShouldBe(7 + 4);
        fails = false;
        time.Advance(TimeSpan.FromMinutes(10));
        names.FoundLate().ShouldBe(1, "whoever keeps names must hear of it without asking for this one");
        NameOf(names).ShouldBe("pod shop/web-7d4b9c-x2x4z/nginx");
        names.FoundLate().ShouldBe(1);
        reads.ShouldBe(7 + 4 + 1, "what is known is not read again");
    }

    [Fact]
    public void A_failed_read_that_turns_out_to_be_of_no_runtimes_file_is_settled()
    {
        var time = new ManualTime();
        bool fails = true;
        var names = new PodNames(root.Path, time, (_, _) => fails ? throw new IOException("Too many open files", 24) : null);
        NameOf(names).ShouldBe(Fallback);

        fails = false;
        time.Advance(TimeSpan.FromSeconds(10));
        NameOf(names).ShouldBe(Fallback);
        time.Advance(TimeSpan.FromHours(1));
        NameOf(names).ShouldBe(Fallback);

        names.Lookups.ShouldBe(2);
        names.FoundLate().ShouldBe(0);
    }

    [Fact]
    public void Those_that_cannot_be_read_are_bounded_and_few_are_tried_again_at_once()
    {
        var time = new ManualTime();
        var names = new PodNames(root.Path, time, (_, _) => throw new IOException("Input/output error", 5));
        for (int i = 0; i < 10_000; i++)
        {
            names.Of(new Container("crio", $"{i:x64}", "1") { IsOfNode = true }).ShouldBeNull();
        }

        time.Advance(TimeSpan.FromMinutes(1));
        names.FoundLate().ShouldBe(0);

        names.Lookups.ShouldBe(10_016);
    }

    [Fact]
    public void A_missing_file_is_an_answer_and_the_error_number_goes_with_any_other()
    {
        root.Write(Bundle, Containerd);

        Should.Throw<IOException>(() => FileOwner.OpenRegular(Path.Join(root.Path, "nothing"), out _)).HResult.ShouldBe(2);
        TrustedDirectory.Of(Path.Join(root.Path, "nothing/below")).Error.ShouldBe(2);
        TrustedDirectory.Of(Path.Join(root.Path, new string('a', 300))).Error.ShouldBe(36);
        TrustedDirectory.Of(Path.Join(root.Path, Bundle)).Error.ShouldBe(0);
        TrustedDirectory.Of(root.Path).Error.ShouldBe(0);
    }

    [Fact]
    public void What_is_remembered_is_bounded_and_what_is_asked_for_stays()
    {
        var names = new PodNames(root.Path);
        string file = root.Write(Bundle, Containerd);
        NameOf(names);
        File.Delete(file);

        for (int i = 0; i < 10_000; i++)
        {
            names.Of(new Container("crio", $"{i:x64}", "1") { IsOfNode = true }).ShouldBeNull();
            if (i % 1000 == 0)
            {
                NameOf(names).ShouldBe("pod shop/web-7d4b9c-x2x4z/nginx");
            }
        }

        names.Of(new Container("crio", $"{0:x64}", "1") { IsOfNode = true });
        names.Lookups.ShouldBe(10_002);
    }

    private static string Annotations(string space, string pod, string container) =>
        $$$"""{"annotations":{"io.kubernetes.cri.container-name":"{{{container}}}","io.kubernetes.cri.sandbox-name":"{{{pod}}}","io.kubernetes.cri.sandbox-namespace":"{{{space}}}"}}""";

    private static string NameOf(PodNames names) => UnitName.FromPath(Encoding.UTF8.GetBytes($"{Slice}/cri-containerd-{Id}.scope"), names);

    private string NameOf(string cgroup = $"{Slice}/cri-containerd-{Id}.scope") => UnitName.FromPath(Encoding.UTF8.GetBytes(cgroup), new PodNames(root.Path));
}
