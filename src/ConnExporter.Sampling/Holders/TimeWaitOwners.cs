using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Holders;

/// <summary>A connection to a destination that was seen while it lived.</summary>
/// <param name="Inode">Its socket's inode.</param>
/// <param name="User">The user that made it.</param>
/// <param name="Cgroup">The cgroup it was made in; null where cgroups do not tell.</param>
/// <param name="Owner">The process that held it; null where it was gone before it was found.</param>
internal sealed record Sighting(uint Inode, uint User, Cgroup? Cgroup, Owner? Owner)
{
    /// <summary>The unit, from the process or from the cgroup; null where neither is known.</summary>
    public string? Unit => Owner?.Unit ?? Cgroup?.Unit;
}

/// <summary>
/// Who makes the connections that end in TIME_WAIT. Those have no owner, and walks seconds apart never see short ones alive. So the sockets to
/// one destination are dumped again and again, fast, until some were caught living (kernel-facts §12). For one thread.
/// </summary>
/// <remarks>
/// A dump costs a walk over the kernel's whole table of sockets however few match, so the CPU time is bounded rather than the number of dumps
/// alone. A connection of a millisecond is over before many descriptors were read: only the processes of its cgroup are looked into, or,
/// where cgroups do not tell, those of its user, a few at a time.
/// </remarks>
internal sealed class TimeWaitOwners : IDisposable
{
    /// <summary>Dumps at most, for one destination.</summary>
    public const int MostDumps = 200;

    /// <summary>Connections seen after which it is known enough.</summary>
    public const int EnoughSightings = 5;

    private const uint Living = SockDiagRequest.AllStates & ~((1u << (int)TcpState.TimeWait) | (1u << (int)TcpState.Listen));
    private const int Remembered = 64;
    private const int LinksAtOnce = 256;

    // A millisecond: after that, what the dump saw is gone, and another dump is cheaper than looking on.
    private const int LinksADump = 256;

    private readonly KernelSource kernel;
    private readonly CgroupTree? cgroups;
    private readonly ProcessTable table;
    private readonly ProcessSockets sockets;
    private readonly int[] pids = new int[4096];
    private readonly uint[] held = new uint[LinksAtOnce];
    private readonly Seen[] seen = new Seen[Remembered];
    private readonly List<Sighting> sightings = [];
    private readonly List<Candidate> candidates = [];
    private NetlinkSocket? netlink;
    private int seenCount;
    private int turn;
    private int lastPid;
    private int? levelsAbove;

    /// <summary>Nothing is opened yet.</summary>
    /// <param name="kernel">The kernel; sockets are dumped in the network namespace that its sock_diag opens in.</param>
    /// <param name="cgroups">The cgroups of the host; null to do without them.</param>
    public TimeWaitOwners(KernelSource kernel, CgroupTree? cgroups)
    {
        this.kernel = kernel;
        this.cgroups = cgroups;
        table = new ProcessTable(kernel.Proc);
        sockets = new ProcessSockets(kernel.Proc);
    }

    /// <summary>Dumps made for the last destination.</summary>
    public int Dumps { get; private set; }

    /// <summary>Watches for connections to a destination.</summary>
    /// <param name="destination">The remote address.</param>
    /// <param name="port">The remote port.</param>
    /// <param name="cpu">The CPU time to spend at most; one dump more may run over.</param>
    /// <returns>At most <see cref="EnoughSightings"/> connections, those whose process is known first; empty where none was seen alive.</returns>
    /// <exception cref="KernelReadException">As of a dump.</exception>
    public IReadOnlyList<Sighting> Watch(InetAddress destination, ushort port, TimeSpan cpu)
    {
        TimeSpan end = ThreadClock.CpuTime() + cpu;
        sightings.Clear();
        candidates.Clear();
        seenCount = turn = Dumps = 0;
        table.Rewind();
        levelsAbove ??= CgroupNamespace.LevelsAbove(table);
        var request = new SockDiagRequest(Living) { To = [(destination, port)] };
        while (Dumps < MostDumps && sightings.Count < EnoughSightings && ThreadClock.CpuTime() < end)
        {
            Dumps++;
            if (Dump(request))
            {
                Search(end);
            }
        }

        // Whose process was not caught tells the unit at least.
        for (int i = 0; i < Math.Min(seenCount, Remembered) && sightings.Count < EnoughSightings; i++)
        {
            if (!seen[i].Found)
            {
                sightings.Add(new Sighting(seen[i].Inode, seen[i].User, CgroupOf(seen[i]), null));
            }
        }

        return [.. sightings];
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose()
    {
        netlink?.Dispose();
        table.Dispose();
        sockets.Dispose();
    }

    // Remembers the living; true where there are any.
    private bool Dump(in SockDiagRequest request)
    {
        bool any = false;
        try
        {
            netlink ??= kernel.OpenSockDiag();
            var dump = new SockDiagDump(netlink, request);
            while (dump.TryRead(out SocketRecord socket))
            {
                // The kernel has filtered; one that does not know the filter must not mislead.
                uint inode = socket.Inode;
                if (inode == 0 || socket.RemotePort != request.To![0].Port || socket.RemoteAddress != request.To[0].Address)
                {
                    continue;
                }

                any = true;
                if (!Knows(inode))
                {
                    socket.TryGetCgroup(out ulong cgroup);
                    seen[seenCount++ % Remembered] = new Seen(inode, socket.User, cgroup);
                }
            }

            return any;
        }
        catch (KernelReadException)
        {
            netlink?.Dispose();
            netlink = null;
            throw;
        }
    }

    private bool Knows(uint inode)
    {
        foreach (Seen one in seen.AsSpan(0, Math.Min(seenCount, Remembered)))
        {
            if (one.Inode == inode)
            {
                return true;
            }
        }

        return false;
    }

    // The process that had one before has the next one too, so it is asked first; where none had, others than those asked before.
    private void Search(TimeSpan end)
    {
        if (candidates.Count == 0)
        {
            Gather();
        }

        long links = sockets.LinksRead;
        int first = turn;
        int hit = -1;
        for (int i = 0; i < candidates.Count && sightings.Count < EnoughSightings && sockets.LinksRead - links < LinksADump && IsMissingOne(); i++)
        {
            int next = (first + i) % candidates.Count;
            bool found = LookInto(candidates[next]);
            hit = found && hit < 0 ? next : hit;
            turn = hit < 0 ? next + 1 : hit;
            if (ThreadClock.CpuTime() >= end)
            {
                return;
            }
        }
    }

    private bool IsMissingOne()
    {
        foreach (Seen one in seen.AsSpan(0, Math.Min(seenCount, Remembered)))
        {
            if (!one.Found)
            {
                return true;
            }
        }

        return false;
    }

    private void Gather()
    {
        Seen newest = seen[(seenCount - 1) % Remembered];
        if (CgroupOf(newest) is { } cgroup)
        {
            foreach (int pid in pids.AsSpan(0, cgroups!.ReadProcesses(cgroup, pids)))
            {
                Add(pid, null);
            }
        }

        if (candidates.Count == 0)
        {
            table.Rewind();
            while (table.TryNext(out int pid))
            {
                Add(pid, newest.User);
            }
        }

        // The one that was found the last time goes first, then those that are read fastest.
        candidates.Sort((a, b) => a.Pid == lastPid || b.Pid == lastPid ? (b.Pid == lastPid).CompareTo(a.Pid == lastPid) : a.Count.CompareTo(b.Count));
    }

    private void Add(int pid, uint? user)
    {
        try
        {
            if (table.Identify(pid, out ulong identity, out uint owner, out ulong? count) == ProcessAccess.Ok && (user is null || user == owner) && count != 0)
            {
                candidates.Add(new Candidate(pid, identity, count ?? 0));
            }
        }
        catch (KernelReadException)
        {
            // Not this one.
        }
    }

    private bool LookInto(Candidate candidate)
    {
        bool hit = false;
        try
        {
            // From the first descriptor on: new ones get the lowest free number.
            long position = 0;
            if (sockets.Read(candidate.Pid, ref position, held, out int count, out _) != ProcessAccess.Ok)
            {
                return false;
            }

            foreach (uint inode in held.AsSpan(0, count))
            {
                for (int i = 0; i < Math.Min(seenCount, Remembered); i++)
                {
                    if (seen[i].Inode == inode && !seen[i].Found && sightings.Count < EnoughSightings && Describe(candidate) is { } owner)
                    {
                        seen[i].Found = hit = true;
                        lastPid = candidate.Pid;
                        sightings.Add(new Sighting(inode, seen[i].User, CgroupOf(seen[i]), owner));
                    }
                }
            }
        }
        catch (KernelReadException)
        {
            return false;
        }

        return hit;
    }

    private Owner? Describe(Candidate candidate)
    {
        if (candidate.Owner is not null)
        {
            return candidate.Owner;
        }

        if (table.ReadFile(candidate.Pid, "stat"u8, out ReadOnlySpan<byte> text) != ProcessAccess.Ok || text.IsEmpty)
        {
            return null;
        }

        var stat = ProcessStat.Parse("PID/stat", text, out ReadOnlySpan<byte> name);
        string nameText = Encoding.UTF8.GetString(name);
        string unit = table.ReadFile(candidate.Pid, "cgroup"u8, out text) == ProcessAccess.Ok ? UnitName.FromProcessFile(text, levelsAbove ?? 0, kernel.Pods) : UnitName.None;
        if (table.Identify(candidate.Pid, out ulong identity, out _, out _) != ProcessAccess.Ok || identity != candidate.Identity)
        {
            return null;
        }

        candidate.Owner = new Owner(nameText, unit, candidate.Pid, stat.StartTicks);
        return candidate.Owner;
    }

    private Cgroup? CgroupOf(Seen one)
    {
        if (cgroups is null || !CgroupTree.Tells(one.Cgroup))
        {
            return null;
        }

        // Seen just now: it may be younger than the last walk.
        cgroups.BeginRound();
        return cgroups.Find(one.Cgroup);
    }

    /// <summary>A living connection.</summary>
    private struct Seen(uint inode, uint user, ulong cgroup)
    {
        public readonly uint Inode = inode;
        public readonly uint User = user;
        public readonly ulong Cgroup = cgroup;
        public bool Found;
    }

    private sealed class Candidate(int pid, ulong identity, ulong count)
    {
        public int Pid { get; } = pid;

        public ulong Identity { get; } = identity;

        public ulong Count { get; } = count;

        public Owner? Owner { get; set; }
    }
}
