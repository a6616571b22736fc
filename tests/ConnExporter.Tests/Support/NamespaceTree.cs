using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Tests.Support;

/// <summary>Network namespaces in a proc tree of the test's own: directories that the <c>net</c> of processes link to.</summary>
/// <remarks>The inode of <c>ns/net</c> is that of a file; <see cref="Tour"/> plays setns by pointing <c>thread-self/net</c> elsewhere.</remarks>
internal sealed class NamespaceTree
{
    private readonly CollectorBench bench;
    private readonly Dictionary<ulong, string> byInode = [];

    public NamespaceTree(CollectorBench bench)
    {
        this.bench = bench;
        Make("own");
        Link("net", Place("own"));
        bench.Write("self/mountinfo", "");
        Link("self/ns/net", Path.Join(Place("own"), "inode"));
        Directory.CreateDirectory(Path.Join(bench.Proc, "thread-self"));
    }

    /// <summary>The names of those that were entered, in order.</summary>
    public List<string> Entered { get; } = [];

    /// <summary>Those that refuse, by name, and how.</summary>
    public Dictionary<string, KernelReadException> Refusing { get; } = [];

    /// <summary>CPU time that a visit is said to take.</summary>
    public TimeSpan Cost { get; set; }

    /// <summary>A namespace with so many IPv4 sockets.</summary>
    /// <returns>Its inode number.</returns>
    public ulong Make(string name, int sockets = 0, int timeWait = 0, int overflows = 0)
    {
        Sockets(name, sockets, timeWait);
        Overflows(name, overflows);
        bench.Write($"../spaces/{name}/snmp", "Tcp: ActiveOpens PassiveOpens\nTcp: 1 2\n");
        bench.Write($"../spaces/{name}/inode", "");
        ulong inode = InodeOf(name);
        byInode[inode] = name;
        return inode;
    }

    public void Sockets(string name, int sockets, int timeWait = 0) =>
        bench.Write($"../spaces/{name}/sockstat", $"sockets: used {sockets}\nTCP: inuse {sockets} orphan 0 tw {timeWait} alloc 1 mem 1\nUDP: inuse 0 mem 0\n");

    public void Overflows(string name, int overflows) => bench.Write($"../spaces/{name}/netstat", $"TcpExt: ListenOverflows\nTcpExt: {overflows}\n");

    /// <summary>A process in it.</summary>
    public void Process(int pid, string name, string cgroup = "/")
    {
        bench.Write($"{pid}/cgroup", $"0::{cgroup}\n");
        Link($"{pid}/net", Place(name));
        Link($"{pid}/ns/net", Path.Join(Place(name), "inode"));
    }

    /// <summary>Mounts, as the kernel lists them.</summary>
    public void Mounts(params (string Name, string Place)[] mounts) => bench.Write(
        "self/mountinfo",
        "22 27 0:21 / /proc rw - proc proc rw\n" + string.Concat(mounts.Select(mount => $"75 42 0:4 net:[{InodeOf(mount.Name)}] {mount.Place} rw shared:1 - nsfs nsfs rw\n")));

    /// <summary>Plays setns and what follows.</summary>
    public TimeSpan Tour(Func<TimeSpan, NamespaceVisit?> next)
    {
        TimeSpan spent = TimeSpan.Zero;
        while (next(spent) is { } visit)
        {
            string name = byInode[visit.Inode];
            Entered.Add(name);
            spent += Cost;
            if (Refusing.TryGetValue(name, out KernelReadException? refusal))
            {
                visit.Refused(refusal);
                continue;
            }

            Link("thread-self/net", Place(name));
            visit.Work();
        }

        return spent;
    }

    public ulong InodeOf(string name)
    {
        using var table = new ProcessTable(new ProcFs(Place(name)));
        table.Rewind();
        table.ReadInode("inode\0"u8, out ulong inode).ShouldBe(ProcessAccess.Ok);
        return inode;
    }

    private string Place(string name) => Path.GetFullPath(Path.Join(bench.Proc, "..", "spaces", name));

    private void Link(string from, string to)
    {
        string path = Path.Join(bench.Proc, from);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        File.CreateSymbolicLink(path, to);
    }
}
