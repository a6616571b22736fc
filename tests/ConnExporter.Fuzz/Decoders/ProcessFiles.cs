using System.Buffers;
using System.Text;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Fuzz.Decoders;

/// <summary>The files of /proc/PID, and of the containers that processes are in.</summary>
internal static class ProcessFiles
{
    private const string Path = "/proc/1/x";
    private static readonly SearchValues<char> OfPods = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-/");

    private static readonly byte[][] Mounts = Seeds.Texts(
        "22 27 0:21 / /proc rw,nosuid shared:14 - proc proc rw\n",
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n30 24 0:26 / /sys/fs/cgroup rw master:1 propagate_from:2 - cgroup2 cgroup2 rw,nsdelegate\n",
        "353 29 0:4 net:[4026532281] /run/netns/blue rw shared:7 - nsfs nsfs rw\n",
        "354 29 0:4 net:[4026532282] /run/docker/netns/a\\040b\\134 rw - nsfs nsfs rw\n");

    private static readonly byte[][] MountWords = Seeds.Texts(" - ", "cgroup2", "nsfs", "net:[", "]", "/sys", "/run/netns/", "/var/run/netns/", "\\040", "\\777", "\\", "\\04", "shared:1");

    public static Decoder Limits() => new()
    {
        Name = "limits",
        Methods = ["ProcessLimits.ParseOpenFiles"],
        Seeds = [.. Seeds.OfProc("413/limits"), .. Seeds.OfProc("1/limits"), .. Seeds.Texts("Max open files 1024 unlimited files\n")],
        Words = Seeds.Texts("Max open files", "unlimited", "\nMax open files", "files"),
        Run = input =>
        {
            OpenFilesLimits read = ProcessLimits.ParseOpenFiles(Path, input);
            foreach (ulong limit in (ReadOnlySpan<ulong>)[read.Soft, read.Hard])
            {
                if (limit != ulong.MaxValue || input.IndexOf("unlimited"u8) < 0)
                {
                    Promise.IsIn(input, limit);
                }
            }

            return (read.Soft == ulong.MaxValue ? 1 : 0) | (read.Hard == ulong.MaxValue ? 2 : 0);
        },
    };

    public static Decoder Stat() => new()
    {
        Name = "process-stat",
        Methods = ["ProcessStat.Parse"],
        Seeds = [.. Seeds.OfProc("413/stat"), .. Seeds.OfProc("57/stat"), .. Seeds.OfProc("1/stat")],
        Words = Seeds.Texts("(", ")", ") S ", " ) ", "(a (b) c)"),
        Run = input =>
        {
            var read = ProcessStat.Parse(Path, input, out ReadOnlySpan<byte> name);
            Promise.IsIn(input, (ulong)read.Pid);
            foreach (ulong number in (ReadOnlySpan<ulong>)[read.UserTicks, read.SystemTicks, read.Threads, read.StartTicks, read.VirtualBytes, read.ResidentPages])
            {
                Promise.IsIn(input, number);
            }

            Promise.Holds(name.IsEmpty || input.IndexOf(name) >= 0, "the name is in the input");
            return name.IsEmpty ? 1 : 0;
        },
    };

    public static Decoder Cgroup() => new()
    {
        Name = "cgroup",
        Methods = ["UnitName.FromProcessFile", "UnitName.FromPath", "Container.Of", "Utf8Text.Of"],
        Seeds =
        [
            .. Seeds.OfProc("413/cgroup"), .. Seeds.OfProc("1/cgroup"), .. Seeds.OfProc("958/cgroup"), .. Seeds.OfProc("2/cgroup"),
            .. Seeds.Texts(
                "12:pids:/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n1:name=systemd:/init.scope\n0::/\n",
                "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope\n",
                "0::/user.slice/user-1000.slice/user@1000.service/init.scope (deleted)\n0::/../..\n"),
        ],
        Words = Seeds.Texts(".service", ".scope", ".slice", "0::", "name=systemd", "/docker/", "init.scope", "_", ".mount", "-pod", "pod", "/..", " (deleted)", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        Refusals = [],

        // Two decoders.
        Allocation = (8, Decoder.RefusalBytes),
        Run = input =>
        {
            string unit = UnitName.FromProcessFile(input);
            Promise.Holds(unit.Length > 0 && (unit == UnitName.None || unit.Length <= input.Length), "a name is no longer than the file and not empty");
            var container = Container.Of(input);
            Promise.Holds(container is null || (container.Id.Length == 64 && input.IndexOf(Encoding.ASCII.GetBytes(container.Id)) >= 0), "an id is in the path");
            string path = UnitName.FromPath(input);
            Promise.Holds(path.Length > 0 && (path == UnitName.None || path.Length <= input.Length + 1), "a name is no longer than the path, which begins with a slash, and not empty");
            Promise.Holds(!UnitName.IsOfHost(path) || !path.Contains('/', StringComparison.Ordinal), "a unit's name has no slash");
            return (unit == UnitName.None ? 0 : unit[^1]) ^ (unit.Length > 12 ? 256 : 0) ^ (path == UnitName.None ? 512 : 0);
        },
    };

    public static Decoder ContainerFiles() => new()
    {
        Name = "container-file",
        Methods = ["ContainerFile.PodName"],
        Seeds = Seeds.Texts(
            """{"ociVersion":"1.1.0","process":{"args":["x"]},"annotations":{"io.kubernetes.cri.container-name":"nginx","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"},"linux":{}}""",
            """{"annotations":{"io.kubernetes.container.name":"POD","io.kubernetes.pod.name":"web-0.a","io.kubernetes.pod.namespace":"shop","a":1}}""",
            """{"ID":"x","Config":{"Hostname":"h","Labels":{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop"}},"Name":"/k8s"}"""),
        Words = Seeds.Texts("null", "{}", "[]", "{", "}", "[[[[", "{\"a\":", "\"\"", "\"\\ud800\"", "\"annotations\":", "\"Config\":", "\"Labels\":", "\"io.kubernetes.pod.name\":", "\"io.kubernetes.cri.sandbox-name\":", "\"web\"", "POD", ".", "-", "/"),
        Refusals = [],

        // Read as three forms, each of which may be refused within.
        Allocation = (12, 3 * Decoder.RefusalBytes),
        Run = input =>
        {
            int kind = 0;
            foreach (ContainerFile form in (ContainerFile[])[ContainerFile.Containerd, ContainerFile.CriO, ContainerFile.Docker])
            {
                string? name = ContainerFile.PodName(form, input);
                Promise.Holds(name is null || (name.Length <= 385 && Container.IsOfPod(name) && !name.AsSpan(4).ContainsAnyExcept(OfPods) && !UnitName.IsOfHost(name)), "a name has letters, digits, and three signs");
                kind = (kind * 8) + (name is null ? 0 : name.Split('/').Length);
            }

            return kind;
        },
    };

    public static Decoder MountPoints() => new()
    {
        Name = "mountinfo",
        Methods = ["MountInfo.FindMount", "MountInfo.FindOptions", "ProcessVisibility.Hides", "ProcessVisibility.IsKernelThread"],
        Seeds = Mounts,
        Words = MountWords,
        Run = input =>
        {
            string? found = MountInfo.FindMount(Path, input, "cgroup2"u8, "/sys");
            Promise.Holds(found is null || (found.Length > 0 && found.Length <= input.Length), "the mount point is in the input");
            string? options = MountInfo.FindOptions(Path, input, "/proc");
            Promise.Holds(options is null || options.Length <= 2 * input.Length, "the options are in the input");
            _ = ProcessVisibility.Hides(input, input);
            _ = ProcessVisibility.IsKernelThread(input);
            return found is null ? 0 : found.StartsWith("/sys", StringComparison.Ordinal) ? 1 : 2;
        },
    };

    public static Decoder NamespaceMounts() => new()
    {
        Name = "namespace-mount",
        Methods = ["NamespaceMount.TryParse"],
        Seeds = [.. Mounts.Select(mount => mount[..^1])],
        Words = MountWords,
        Run = input =>
        {
            if (!NamespaceMount.TryParse(Path, input, out NamespaceMount mount))
            {
                return 0;
            }

            Promise.IsIn(input, mount.Inode);
            Promise.Holds(mount.MountPoint.Length <= input.Length, "the mount point is in the input");
            string? name = mount.Name;
            Promise.Holds(name is null || mount.MountPoint.EndsWith(name, StringComparison.Ordinal), "the name ends the mount point");
            return name is null ? 1 : 2;
        },
    };

    public static Decoder Mappings() => new()
    {
        Name = "smaps",
        Methods = ["MappedCode.Find"],
        Seeds = Seeds.Texts(
            "5600-5700 r-xp 00001000 fe:00 14   /usr/bin/x\nSize: 64 kB\nRss: 64 kB\nAnonymous: 0 kB\nVmFlags: rd ex\n5800-5900 rw-p 00002000 fe:00 14   /usr/bin/x\nRss: 8 kB\nAnonymous: 8 kB\n",
            "7f04e8000000-7f04e8200000 r--p 00c3d000 fe:00 1443   /usr/bin/x\nRss: 4 kB\nAnonymous: 4 kB\n7ffc0000-7ffd0000 r-xp 00000000 00:00 0   [vdso]\nRss: 4 kB\nAnonymous: 0 kB\n"),
        Words = Seeds.Texts("Rss: ", "Anonymous: 0 kB\n", "Anonymous:", "r-xp", "rw-p", "---p", " /usr/bin/x", "ffffffffffffffff", "5600-5700"),

        // A mapping of 24 bytes is made of 40 at least; the list grows by doubling.
        Run = input =>
        {
            IReadOnlyList<MappedCode.Mapping> found = MappedCode.Find(Path, input, "/usr/bin/x");
            foreach (MappedCode.Mapping mapping in found)
            {
                Promise.Holds(mapping.Start < mapping.End && mapping.Resident > 0, "a mapping has a beginning before its end, and something in it");
            }

            Promise.Holds(found.Count <= input.Count((byte)'\n') / 3, "three lines a mapping");
            return Math.Min(found.Count, 32);
        },
    };

    public static Decoder DescriptorTargets() => new()
    {
        Name = "descriptor-target",
        Methods = ["ProcessSockets.ParseTarget", "ProcessSockets.ParseRegistered"],
        Seeds = Seeds.Texts("    1: socket:[4711]", "32767: socket:[1]", "socket:[4711]", "socket:[4294967297]", "pipe:[1]", "/dev/null", "anon_inode:[eventpoll]"),
        Words = Seeds.Texts("socket:[", "]"),
        Refusals = [],
        Run = input =>
        {
            uint inode = ProcessSockets.ParseTarget(input);
            Promise.Holds(inode == 0 || input.IndexOf("socket:["u8) == 0, "only a socket has an inode");
            uint registered = ProcessSockets.ParseRegistered(input);
            Promise.Holds(registered == 0 || input.IndexOf(": socket:["u8) > 0, "a number, a colon and a socket");
            return (inode == 0 ? 0 : 1) | (registered == 0 ? 0 : 2);
        },
    };
}
