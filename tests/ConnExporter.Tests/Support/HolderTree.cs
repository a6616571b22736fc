using System.Globalization;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Tests.Support;

/// <summary>Processes with descriptors that are links, and cgroups they are in, in directories of the test's own.</summary>
internal sealed class HolderTree : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public HolderTree()
    {
        Directory.CreateDirectory(ProcPath);
        Directory.CreateDirectory(CgroupPath);
        directory.Write("proc/self/mountinfo", $"41 31 0:38 / {CgroupPath} rw - cgroup2 cgroup2 rw\n");
    }

    public ProcFs Proc => new(ProcPath);

    public string CgroupPath => Path.Join(directory.Path, "cgroup");

    private string ProcPath => Path.Join(directory.Path, "proc");

    public KernelSource Kernel(Func<NetlinkSocket>? openSockDiag = null) => new(Proc, directory.Path, openSockDiag ?? NetlinkSocket.OpenSockDiag);

    /// <summary>The link of a descriptor that is a socket.</summary>
    public static string Socket(uint inode) => string.Create(CultureInfo.InvariantCulture, $"socket:[{inode}]");

    /// <summary>A process; its descriptors point to the given targets.</summary>
    public void Process(int pid, string name, string cgroup, params IEnumerable<string> targets)
    {
        Describe(pid, name, cgroup);
        Descriptors(pid, targets);
    }

    public void Describe(int pid, string name, string cgroup, ulong start = 1000)
    {
        directory.Write($"proc/{pid}/stat", string.Create(CultureInfo.InvariantCulture, $"{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 {start} 4096 10 0\n"));
        directory.Write($"proc/{pid}/cgroup", $"0::{cgroup}\n");
    }

    public void Descriptors(int pid, params IEnumerable<string> targets)
    {
        string list = Proc.PathOf($"{pid}/fd");
        if (Directory.Exists(list))
        {
            foreach (FileInfo link in new DirectoryInfo(list).GetFiles())
            {
                link.Delete();
            }
        }

        Directory.CreateDirectory(list);
        foreach ((int descriptor, string target) in targets.Index())
        {
            File.CreateSymbolicLink(Path.Join(list, descriptor.ToString(CultureInfo.InvariantCulture)), target);
        }
    }

    /// <summary>A file of the trees.</summary>
    public void Write(string path, string text) => directory.Write(path, text);

    public void End(int pid) => Directory.Delete(Proc.PathOf($"{pid}"), recursive: true);

    /// <summary>Gives the pid to another process.</summary>
    public void Reuse(int pid, Action create)
    {
        // Moved away first and removed last, so that the file system cannot give its inodes to the new ones.
        string former = Proc.PathOf($"{pid}.former");
        Directory.Move(Proc.PathOf($"{pid}"), former);
        create();
        Directory.Delete(former, recursive: true);
    }

    /// <summary>A cgroup with processes in it.</summary>
    /// <returns>Its id.</returns>
    public ulong Cgroup(string path, params ReadOnlySpan<int> pids)
    {
        directory.Write($"cgroup{path}/cgroup.procs", string.Concat(pids.ToArray().Select(pid => $"{pid}\n")));
        return IdOf(path);
    }

    public void RemoveCgroup(string path) => Directory.Delete(CgroupPath + path, recursive: true);

    public unsafe ulong IdOf(string path)
    {
        LibC.StatxBuffer status;
        fixed (byte* bytes = Refusal.Bytes(CgroupPath + path + '\0'))
        {
            LibC.Statx(LibC.AtFdCwd, bytes, 0, 0x100, &status).ShouldBe(0);
        }

        return status.Inode;
    }

    public void Dispose() => directory.Dispose();
}
