using ConnExporter.Holders;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Census;

/// <summary>The sockets of a walk by the process that holds them, as far as that is known, and what to look for because it is not.</summary>
internal sealed class SocketHolders : IDisposable
{
    private readonly SocketOwners owners;
    private readonly Wanted wanted = new();
    private readonly Dictionary<ulong, int> ownerByCgroup = [];
    private long[] states = [];
    private ulong lastCgroup;
    private bool isFirst = true;

    /// <summary>Holders found through these owners.</summary>
    public SocketHolders(SocketOwners owners) => this.owners = owners;

    /// <summary>Sockets of this walk that a process should hold.</summary>
    public ulong Held { get; private set; }

    /// <summary>Those of them whose process is known.</summary>
    public ulong Covered { get; private set; }

    /// <summary>How far the attribution has come.</summary>
    public OwnerCoverage Coverage => owners.Coverage;

    /// <summary>Starts a walk.</summary>
    public void Begin()
    {
        int length = owners.OwnerLimit * TcpTable.StateCount;
        if (states.Length < length)
        {
            states = new long[length];
        }

        Array.Clear(states);
        wanted.Clear();
        ownerByCgroup.Clear();
        lastCgroup = 0;
        Held = Covered = 0;
    }

    /// <summary>Counts a socket with its process.</summary>
    /// <returns>What the unit of the socket is found by.</returns>
    public UnitKey Add(in SocketRecord socket)
    {
        _ = socket.TryGetCgroup(out ulong cgroup);
        UnitKey unit = CgroupTree.Tells(cgroup) ? UnitKey.OfCgroup(cgroup) : UnitKey.None;
        uint inode = socket.Inode;
        if (inode == 0)
        {
            return unit;
        }

        Held++;
        if (!owners.TryFind(inode, out int owner))
        {
            wanted.Add(socket.State, inode, cgroup, socket.User);
            return unit;
        }

        Covered++;
        if (cgroup != lastCgroup)
        {
            ownerByCgroup.TryAdd(cgroup, owner);
            lastCgroup = cgroup;
        }

        states[(owner * TcpTable.StateCount) + (int)socket.State]++;
        return unit == UnitKey.None ? UnitKey.OfOwner(owner) : unit;
    }

    /// <summary>The owner behind a key, until the next <see cref="Improve"/>.</summary>
    public Owner Of(int owner) => owners[owner];

    /// <summary>The unit of a cgroup by a process that holds a socket of it: for those who do not see the cgroup file system, as in a container.</summary>
    /// <returns>Null where no such process is known.</returns>
    public string? UnitOfCgroup(ulong id) => ownerByCgroup.TryGetValue(id, out int owner) ? owners[owner].Unit : null;

    /// <summary>The owner of a socket, if it is known.</summary>
    public Owner? Find(uint inode) => inode == 0 ? null : owners.Find(inode);

    /// <summary>Sums the sockets by process name and unit.</summary>
    public void AddTo(NamedStates<ProcessName> sums)
    {
        for (int owner = 0; owner < owners.OwnerLimit; owner++)
        {
            ReadOnlySpan<long> row = states.AsSpan(owner * TcpTable.StateCount, TcpTable.StateCount);
            if (row.ContainsAnyExcept(0))
            {
                sums.Add(new ProcessName(owners[owner].Name, owners[owner].Unit), row);
            }
        }
    }

    /// <summary>Reads descriptors where the sockets without a known process are.</summary>
    /// <returns>How many of them have one now.</returns>
    public int Improve()
    {
        // A leak's owner is wanted at once, and so is everybody's at the first walk; the many others come in by and by.
        int budget = isFirst || wanted.CloseWait > 0 ? SocketOwners.DefaultBudget : SocketOwners.DefaultBudget / 5;
        isFirst = false;
        return owners.Improve(wanted, budget).Found;
    }

    public void Dispose() => owners.Dispose();
}

/// <summary>A process by name and unit.</summary>
internal readonly record struct ProcessName(string Process, string Unit);
