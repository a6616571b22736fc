using ConnExporter.Kernel.Proc;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Kernel.Proc;

/// <summary>In the order of sysctl.d(5).</summary>
public sealed class SysctlFilesTests : IDisposable
{
    private readonly TemporaryDirectory root = new();

    public void Dispose() => root.Dispose();

    [Fact]
    public void Files_are_read_by_name_whatever_their_directory_and_the_classic_one_last()
    {
        root.Write("usr/lib/sysctl.d/50-default.conf", "a.b = lib\n");
        root.Write("etc/sysctl.d/10-early.conf", "a.b = etc\n");
        root.Write("run/sysctl.d/90-late.conf", "a.b = run\n");
        root.Write("usr/local/lib/sysctl.d/60-local.conf", "a.b = local\n");
        root.Write("etc/sysctl.conf", "a.b = classic\n");
        root.Write("etc/sysctl.d/README", "a.b = not read\n");

        Values().ShouldBe(["etc", "lib", "local", "run", "classic"]);
    }

    [Fact]
    public void A_file_in_etc_takes_the_place_of_its_namesakes()
    {
        root.Write("usr/lib/sysctl.d/50-x.conf", "a.b = lib\n");
        root.Write("run/sysctl.d/50-x.conf", "a.b = run\n");
        root.Write("etc/sysctl.d/50-x.conf", "a.b = etc\n");

        Values().ShouldBe(["etc"]);
    }

    [Fact]
    public void A_link_to_null_switches_a_file_off()
    {
        root.Write("usr/lib/sysctl.d/50-x.conf", "a.b = lib\n");
        root.Write("etc/sysctl.d/other.conf", "a.b = other\n");
        root.Write("dev/null", "");
        File.CreateSymbolicLink(Path.Join(root.Path, "etc/sysctl.d/50-x.conf"), "/dev/null");

        Values().ShouldBe(["other"]);
    }

    [Theory]
    [InlineData("../sysctl.conf")]
    [InlineData("/etc/sysctl.conf")]
    public void Debians_link_to_the_classic_file_is_read_once_and_below_the_root(string target)
    {
        root.Write("etc/sysctl.conf", "a.b = classic\n");
        root.Write("etc/sysctl.d/zz.conf", "a.b = zz\n");
        File.CreateSymbolicLink(Path.Join(root.Path, "etc/sysctl.d/99-sysctl.conf"), target);

        SysctlFileContent content = new SysctlFiles(root.Path).Read();

        content.Assignments.Select(assignment => $"{assignment.Path}:{assignment.Line} {assignment.Value}").ShouldBe(["/etc/sysctl.d/zz.conf:1 zz", "/etc/sysctl.conf:1 classic"]);
        content.Unread.ShouldBeEmpty();
    }

    // A container sees its own files by the kernel's way of following what the host's links say.
    [Fact]
    public void No_link_anywhere_on_the_way_leads_out_of_the_root()
    {
        using var outside = new TemporaryDirectory();
        outside.Write("x.conf", "a.b = outside\n");
        outside.Write("sysctl.d/x.conf", "a.b = outside\n");
        root.Write("etc/first.conf", "");
        File.Delete(Path.Join(root.Path, "etc/first.conf"));
        Directory.CreateDirectory(Path.Join(root.Path, "etc/sysctl.d"));
        void Link(string at, string to)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Join(root.Path, at))!);
            File.CreateSymbolicLink(Path.Join(root.Path, at), to);
        }

        // The second of two links; a link in the middle; a directory that is one; up beyond the root; in circles.
        Link("etc/sysctl.d/10.conf", "/etc/first.conf");
        Link("etc/first.conf", Path.Join(outside.Path, "x.conf"));
        Link("etc/sysctl.d/20.conf", "/etc/away/x.conf");
        Link("etc/away", outside.Path);
        Link("run/sysctl.d", Path.Join(outside.Path, "sysctl.d"));
        Link("etc/sysctl.d/30.conf", "../../../../../../../.." + Path.Join(outside.Path, "x.conf"));
        Link("etc/sysctl.d/40.conf", "40.conf");

        SysctlFileContent content = new SysctlFiles(root.Path).Read();

        content.Assignments.ShouldBeEmpty();
        content.Unread.ShouldHaveSingleItem().ShouldStartWith("/etc/sysctl.d/40.conf");
    }

    [Fact]
    public void Links_within_the_root_are_followed_to_their_end()
    {
        root.Write("usr/lib/sysctl.d/50.conf", "a.b = lib\n");
        root.Write("opt/real.conf", "a.b = real\n");
        Directory.CreateDirectory(Path.Join(root.Path, "etc/sysctl.d"));
        File.CreateSymbolicLink(Path.Join(root.Path, "lib"), "/usr/lib");
        File.CreateSymbolicLink(Path.Join(root.Path, "srv"), "opt");
        File.CreateSymbolicLink(Path.Join(root.Path, "opt/link.conf"), "../srv/./real.conf");
        File.CreateSymbolicLink(Path.Join(root.Path, "etc/sysctl.d/60.conf"), "/srv/link.conf");

        new SysctlFiles(root.Path).Read().Assignments.Select(assignment => $"{assignment.Path} {assignment.Value}").ShouldBe(["/usr/lib/sysctl.d/50.conf lib", "/opt/real.conf real"]);
    }

    [Fact]
    public void A_host_without_any_is_no_failure()
    {
        SysctlFileContent content = new SysctlFiles(root.Path).Read();

        content.Assignments.ShouldBeEmpty();
        content.Unread.ShouldBeEmpty();
    }

    [Fact]
    public void What_cannot_be_read_is_named_and_does_not_hinder_the_rest()
    {
        root.Write("etc/sysctl.d/10-ok.conf", "a.b = ok\n");
        root.Write("etc/sysctl.d/20-large.conf", new byte[SysctlFiles.SizeLimit + 1]);
        Directory.CreateDirectory(Path.Join(root.Path, "etc/sysctl.d/30-directory.conf"));

        SysctlFileContent content = new SysctlFiles(root.Path).Read();

        content.Assignments.Single().Value.ShouldBe("ok");
        content.Unread.Length.ShouldBe(2);
        content.Unread[0].ShouldBe($"/etc/sysctl.d/20-large.conf: more than {SysctlFiles.SizeLimit} bytes");
        content.Unread[1].ShouldStartWith("/etc/sysctl.d/30-directory.conf: ");
    }

    [Fact]
    public void One_whose_name_is_no_text_is_named()
    {
        root.Write("etc/sysctl.d/10-ok.conf", "a.b = ok\n");
        Strangers.WriteUnderBytes(Path.Join(root.Path, "etc/sysctl.d"), @"20-brk\xffx.conf", "a.b = other");

        SysctlFileContent content = new SysctlFiles(root.Path).Read();

        content.Assignments.Single().Value.ShouldBe("ok");
        content.Unread.ShouldBe(["/etc/sysctl.d/20-brk\ufffdx.conf: its name is not UTF-8"]);
        Strangers.RemoveAll(Path.Join(root.Path, "etc"));
    }

    [Fact]
    public void Only_so_many_files_are_read_the_last_ones()
    {
        for (int i = 0; i < SysctlFiles.CountLimit + 4; i++)
        {
            root.Write($"etc/sysctl.d/{i:000}.conf", $"a.b = {i}\n");
        }

        SysctlFileContent content = new SysctlFiles(root.Path).Read();

        content.Assignments[^1].Value.ShouldBe($"{SysctlFiles.CountLimit + 3}");
        content.Assignments.Length.ShouldBe(SysctlFiles.CountLimit - 1, "one of them would be /etc/sysctl.conf");
        content.Unread.ShouldBe(["5 more sysctl files"]);
    }

    private IEnumerable<string> Values() => new SysctlFiles(root.Path).Read().Assignments.Select(assignment => assignment.Value);
}
