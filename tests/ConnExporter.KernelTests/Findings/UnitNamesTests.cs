using System.Diagnostics;

namespace ConnExporter.KernelTests.Findings;

/// <summary>Whoever may make a cgroup gives it its name: what is printed of it, typed into a shell, is about that unit and nothing else.</summary>
public class UnitNamesTests
{
    private const string Finding = "process_descriptors_exhausting";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // The whole of systemd's files is a directory of the test's own, in which mkdir and printf are real; of systemctl it is kept how it was called.
    private const string Typed = """
        set -e
        mount -t tmpfs none /etc/systemd/system
        mkdir /etc/systemd/system/.bin
        ln -s "$(command -v mkdir)" /etc/systemd/system/.bin/mkdir
        printf '#!/bin/sh\nprintf "<%%s>" systemctl "$@"\necho\n' >/etc/systemd/system/.bin/systemctl
        chmod +x /etc/systemd/system/.bin/systemctl
        find=$(command -v find)
        PATH=/etc/systemd/system/.bin /bin/sh -c "$1"
        "$find" /etc/systemd/system -name .bin -prune -o -type f -printf '<%p>\n'
        """;

    [CgroupTheory("dotnet", "bash", "unshare", "mount", "find")]
    [InlineData(@"system.slice/{0}\x2dbar.service", "")]
    [InlineData(@"system.slice/my\x20{0}.service", "")]
    [InlineData("system.slice/{0}@b.service", "")]
    [InlineData("system.slice/-{0}.service", "<-->")]
    public void A_legal_name_is_in_the_command_and_means_that_unit(string form, string before)
    {
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup(form);
        Diagnosis seen = Look(network, cgroup, cgroup.Name);

        string[] commands = [.. CommandsOf(seen).Where(command => command.Contains("/etc/systemd/", StringComparison.Ordinal) || command.StartsWith("systemctl ", StringComparison.Ordinal))];
        commands.Length.ShouldBe(4, seen.ToString());
        Tool.Run(Patience, "unshare", "-m", "/bin/sh", "-c", Typed, "-", string.Join('\n', commands)).ShouldBe(
            $"<systemctl><daemon-reload>\n<systemctl><show><-p><LimitNOFILE>{before}<{cgroup.Name}>\n</etc/systemd/system/{cgroup.Name}.d/50-conn-exporter-nofile.conf>\n");
        seen.EvidenceOf(Finding).ShouldNotContain("no unit");
    }

    [CgroupTheory("dotnet", "bash")]
    [InlineData("system.slice/{0};echo INJECTED;.service", null, "no unit of the host's systemd")]
    [InlineData("system.slice/$(echo {0} INJECTED >&2).service", null, "no unit of the host's systemd")]
    [InlineData("system.slice/my {0}.service", null, "no unit of the host's systemd")]
    [InlineData("system.slice/{0}'\".service", null, "no unit of the host's systemd")]
    [InlineData("user.slice/user-1000.slice/user@1000.service/app.slice/{0}.service", "user@1000.service/", "not of the host's systemd")]
    [InlineData("system.slice/{0}-engine.service/inner.service", "{0}-engine.service/", "no unit of the host's systemd: it lies below")]
    [InlineData("lxc.payload.{0}/system.slice/nginx.service", "lxc.payload.{0}/", "no unit of the host's systemd: it lies below")]
    public void What_is_no_unit_of_the_host_is_in_no_command(string form, string? outer, string text)
    {
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup(form);

        Diagnosis seen = Look(network, cgroup, outer?.Replace("{0}", cgroup.Word, StringComparison.Ordinal) + cgroup.Name);

        seen.EvidenceOf(Finding).ShouldContain(text);
        CommandsOf(seen).ShouldAllBe(command => !command.Contains("systemctl", StringComparison.Ordinal) && !command.Contains("/etc/systemd/", StringComparison.Ordinal));
        CommandsOf(seen).ShouldAllBe(command => !command.Contains("INJECTED", StringComparison.Ordinal));
    }

    [CgroupTheory("dotnet", "bash")]
    [InlineData("system.slice/{0}.service/kubepods-burstable-pod0d1c1f0a_52b1.slice:cri-containerd:{1}", "cri-containerd-0123456789ab")]
    [InlineData("kubepods-{0}.slice:cri-containerd:{1}", "cri-containerd-0123456789ab")]
    [InlineData("{0}.slice:docker:{1}", "docker-0123456789ab")]
    [InlineData("user.slice/user-1000.slice/user@1000.service/user.slice/{0}/libpod-{1}.scope/container", "libpod-0123456789ab")]
    [InlineData("kubepods.slice/kubepods-pod0d1c1f0a_52b1.slice/{0}.slice/crio-{1}.scope", "pod 0d1c1f0a-52b1/crio-0123456789ab")]
    [InlineData("machine.slice/systemd-nspawn@{0}.service/payload", "systemd-nspawn@{0}.service/payload")]
    [InlineData("lxc/{0}", "lxc/{0}")]
    public void A_container_has_no_unit_of_the_host(string form, string unit)
    {
        const string Id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup(form.Replace("{1}", Id, StringComparison.Ordinal));

        Diagnosis seen = Look(network, cgroup, unit.Replace("{0}", cgroup.Word, StringComparison.Ordinal));

        CommandsOf(seen).ShouldAllBe(command => !command.Contains("systemctl", StringComparison.Ordinal) && !command.Contains("/etc/systemd/", StringComparison.Ordinal));
    }

    [CgroupFact("dotnet", "bash")]
    public void A_name_that_is_no_text_is_in_no_command()
    {
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup();
        using Process leaking = Tool.Start("bash", "-c", "mkdir \"$0\"/x$'\\377'.service && echo $$ >\"$0\"/x$'\\377'.service/cgroup.procs && " + Leak, cgroup.Path);
        try
        {
            leaking.StandardOutput.ReadLine().ShouldBe("ready");

            Diagnosis seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.Has(Finding) && seen.HolderOf(Finding) == leaking.Id, "the process that leaks", Patience);

            CommandsOf(seen).ShouldContain($"prlimit --pid {leaking.Id} --nofile=1024:{HardLimitOf(leaking)}");
            CommandsOf(seen).ShouldAllBe(command => !command.Contains('\ufffd') && !command.Contains("systemctl", StringComparison.Ordinal));
        }
        finally
        {
            leaking.StandardInput.Close();
            leaking.WaitForExit(Patience).ShouldBeTrue();
            Poll.Until(() => Tool.Run(Patience, "bash", "-c", "rmdir \"$0\"/x* 2>/dev/null; ls -d \"$0\"/x* 2>/dev/null || true", cgroup.Path), left => left.Length == 0, "the end of the cgroup", Patience);
        }
    }

    [CgroupFact("dotnet", "bash", "unshare")]
    public void Out_of_a_cgroup_namespace_no_unit_is_known_to_be_the_hosts()
    {
        using var network = new NetworkNamespace();
        using var cgroup = new TestCgroup("system.slice/{0}.service");
        using Process leaking = cgroup.Start(network, "bash", "-c", Leak);
        try
        {
            leaking.StandardOutput.ReadLine().ShouldBe("ready");

            Diagnosis seen = Poll.Until(() => Diagnosis.FromCgroupNamespace(network), seen => seen.Has(Finding) && seen.HolderOf(Finding) == leaking.Id, "the process that leaks", Patience);

            seen.EvidenceOf(Finding).ShouldContain($"whose unit {cgroup.Name} is cannot be told");
            CommandsOf(seen).ShouldAllBe(command => !command.Contains(cgroup.Name, StringComparison.Ordinal));
        }
        finally
        {
            End(leaking);
        }
    }

    // The same label must never stand for two things, of which one is the host's.
    [CgroupFact("dotnet", "bash")]
    public void A_users_unit_is_not_the_hosts_unit_of_that_name()
    {
        using var network = new NetworkNamespace();
        using var own = new TestCgroup("system.slice/{0}.service");
        using var users = new TestCgroup($"user.slice/user-1000.slice/user@1000.service/app.slice/{own.Name}");
        using Process first = own.Start(network, "bash", "-c", Leak);
        using Process second = users.Start(network, "bash", "-c", Leak);
        try
        {
            first.StandardOutput.ReadLine().ShouldBe("ready");
            second.StandardOutput.ReadLine().ShouldBe("ready");

            MetricsText page = network.Page();

            page.Value("conn_process_group_processes", "process=\"bash\"", $"unit=\"{own.Name}\"").ShouldBe(1);
            page.Value("conn_process_group_processes", "process=\"bash\"", $"unit=\"user@1000.service/{own.Name}\"").ShouldBe(1);
        }
        finally
        {
            End(first);
            End(second);
        }
    }

    private const string Leak = "ulimit -Sn 100; for i in {1..89}; do exec {fd}</dev/null || exit 1; done; echo ready; read line";

    private static Diagnosis Look(NetworkNamespace network, TestCgroup cgroup, string unit)
    {
        using Process leaking = cgroup.Start(network, "bash", "-c", Leak);
        try
        {
            leaking.StandardOutput.ReadLine().ShouldBe("ready");

            // Of all programs of the host the fullest is named, and another may be fuller just now.
            Diagnosis seen = Poll.Until(() => Diagnosis.Of(network), seen => seen.Has(Finding) && seen.HolderOf(Finding) == leaking.Id, "the process that leaks", Patience);
            string word = unit.StartsWith("pod ", StringComparison.Ordinal) ? unit : unit.Replace(" ", @"\x20", StringComparison.Ordinal);
            seen.InstanceOf(Finding).ShouldBe($"bash of {word}");
            return seen;
        }
        finally
        {
            End(leaking);
        }
    }

    private static void End(Process process)
    {
        process.StandardInput.Close();
        process.WaitForExit(Patience).ShouldBeTrue();
    }

    private static string HardLimitOf(Process process) =>
        File.ReadAllText($"/proc/{process.Id}/limits").Split('\n').Single(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[4];

    private static string[] CommandsOf(Diagnosis seen) => seen.CommandsOf(Finding);
}
