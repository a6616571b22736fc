using System.Runtime.CompilerServices;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Census;

/// <summary>The sockets of a walk by the process that holds them, as far as that is known, and what to look for because it is not.</summary>
internal sealed class SocketHolders : IDisposable
{
    // A counter for every combination: one addition a socket, whatever it is known for.
    private const int TraitSets = 2 * (int)SocketTraits.ZeroWindow;
    private readonly SocketOwners owners;
    private readonly Wanted wanted = new();
    private readonly Dictionary<ulong, int> ownerByCgroup = [];
    private long[] states = [];
    private long[] traits = [];
    private TimeSpan[] oldest = [];
    private int current;
    private ulong lastCgroup;
    private bool isFirst = true;

    /// <summary>Holders found through these owners.</summary>
    public SocketHolders(SocketOwners owners) => this.owners = owners;

    /// <summary>Sockets of this walk that a process should hold.</summary>
    public ulong Held { get; private set; }

    /// <summary>Those of them whose process is known.</summary>
    public ulong Covered { get; private set; }

    /// <summary>Listeners in trouble of which not all holders are looked for: there are too many.</summary>
    public int NotFollowed => owners.NotAsked;

    /// <summary>How far the attribution has come.</summary>
    public OwnerCoverage Coverage => owners.Coverage;

    /// <summary>Starts a walk.</summary>
    public void Begin()
    {
        int length = owners.OwnerLimit * TcpTable.StateCount;
        if (states.Length < length)
        {
            states = new long[length];
            traits = new long[owners.OwnerLimit * TraitSets];
            oldest = new TimeSpan[owners.OwnerLimit];
        }

        Array.Clear(states);
        Array.Clear(traits);
        Array.Clear(oldest);
        wanted.Clear();
        ownerByCgroup.Clear();
        lastCgroup = 0;
        Held = Covered = 0;
    }

    /// <summary>Counts a socket with its process.</summary>
    /// <returns>What the unit of the socket is found by.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public UnitKey Add(in SocketRecord socket)
    {
        _ = socket.TryGetCgroup(out ulong cgroup);
        UnitKey unit = CgroupTree.Tells(cgroup) ? UnitKey.OfCgroup(cgroup) : UnitKey.None;
        uint inode = socket.Inode;
        current = -1;
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

        current = owner;
        states[(owner * TcpTable.StateCount) + (int)socket.State]++;
        return unit == UnitKey.None ? UnitKey.OfOwner(owner) : unit;
    }

    /// <summary>Adds to the process of the socket that was counted last.</summary>
    public void Note(SocketTraits found)
    {
        if (current >= 0)
        {
            traits[(current * TraitSets) + (int)found]++;
        }
    }

    /// <summary>Takes note of the age of a socket in CLOSE_WAIT.</summary>
    public void NoteAge(uint inode, TimeSpan age)
    {
        if (inode != 0 && owners.TryPeek(inode, out int owner) && owner < oldest.Length && age > oldest[owner])
        {
            oldest[owner] = age;
        }
    }

    /// <summary>The processes with the most sockets of a kind, the biggest first.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="most">How many processes.</param>
    public IEnumerable<(Owner Owner, long Count, TimeSpan? Oldest)> Biggest(HeldSockets kind, int most) => Enumerable.Range(0, owners.OwnerLimit)
        .Select(owner => (owner, count: CountOf(owner, kind)))
        .Where(row => row.count > 0)
        .OrderByDescending(row => row.count)
        .Take(most)
        .Select(row => (owners[row.owner], row.count, kind == HeldSockets.CloseWait && oldest[row.owner] > TimeSpan.Zero ? oldest[row.owner] : (TimeSpan?)null));

    /// <summary>The processes with the most sockets that were made from here, the biggest first.</summary>
    /// <param name="most">How many processes.</param>
    public IEnumerable<(Owner Owner, long Count)> BiggestOutbound(int most) => Enumerable.Range(0, owners.OwnerLimit)
        .Select(owner => (owner, count: owner * TraitSets < traits.Length ? CountOf(owner, SocketTraits.Outbound) : 0))
        .Where(row => row.count > 0)
        .OrderByDescending(row => row.count).ThenBy(row => owners[row.owner].StartTicks)
        .Take(most)
        .Select(row => (owners[row.owner], row.count));

    /// <summary>Names of which very many processes have connections that were made from here, most processes first.</summary>
    /// <param name="most">How many names.</param>
    public IEnumerable<(ProcessName Name, int Processes, long Sockets, Owner First)> Connecting(int most) => Enumerable.Range(0, owners.OwnerLimit)
        .Select(owner => (owner, count: CountOf(owner, SocketTraits.Outbound)))
        .Where(row => row.count > 0)
        .GroupBy(row => new ProcessName(owners[row.owner].Name, owners[row.owner].Unit))
        .Select(group => (group.Key, group.Count(), group.Sum(row => row.count), owners[group.MinBy(row => owners[row.owner].StartTicks).owner]))
        .OrderByDescending(row => row.Item2)
        .Take(most);

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
            ReadOnlySpan<long> row = StatesOf(owner);
            if (row.ContainsAnyExcept(0))
            {
                sums.Add(new ProcessName(owners[owner].Name, owners[owner].Unit), row);
            }
        }
    }

    /// <summary>The process of the socket that was counted last, as an index; -1 where it is not known.</summary>
    public int Current => current;

    /// <summary>All processes known to hold a socket. Of one that <see cref="Improve"/> was not asked about, one at most.</summary>
    public IReadOnlyList<Owner> AllOf(uint inode) => inode == 0 ? [] : owners.AllOf(inode);

    /// <summary>Reads descriptors where the sockets without a known process are.</summary>
    /// <param name="troubled">Listeners of which all holders are wanted, the most wanted first.</param>
    /// <param name="all">Whether to read on until every socket has a process or every process was read, whatever it costs.</param>
    /// <param name="answered">Called now and then, as a sign that the kernel answers.</param>
    /// <returns>How many of them have one now.</returns>
    public int Improve(ReadOnlySpan<uint> troubled, bool all, Action answered)
    {
        // A leak's owner is wanted at once, and so is everybody's at the first walk; the many others come in by and by.
        long budget = all ? SocketOwners.Everything
            : isFirst || wanted.CloseWait > 0 || troubled.Length > 0 ? SocketOwners.DefaultBudget
            : SocketOwners.DefaultBudget / 5;
        isFirst = false;
        owners.Ask(troubled);
        return owners.Improve(wanted, budget, answered).Found;
    }

    public void Dispose() => owners.Dispose();

    private long CountOf(int owner, HeldSockets kind) => kind switch
    {
        HeldSockets.Established => StatesOf(owner)[(int)TcpState.Established],
        HeldSockets.SynSent => StatesOf(owner)[(int)TcpState.SynSent],
        HeldSockets.CloseWait => StatesOf(owner)[(int)TcpState.CloseWait],
        HeldSockets.NotReading => CountOf(owner, SocketTraits.NotReading),
        _ => CountOf(owner, SocketTraits.ZeroWindow),
    };

    private ReadOnlySpan<long> StatesOf(int owner) => states.AsSpan(owner * TcpTable.StateCount, TcpTable.StateCount);

    private long CountOf(int owner, SocketTraits trait)
    {
        long count = 0;
        for (int set = 0; set < TraitSets; set++)
        {
            count += ((SocketTraits)set & trait) == SocketTraits.None ? 0 : traits[(owner * TraitSets) + set];
        }

        return count;
    }
}

/// <summary>Kinds of sockets that a process can hold too many of.</summary>
internal enum HeldSockets
{
    Established,
    SynSent,
    CloseWait,

    /// <summary>What came in is not read.</summary>
    NotReading,

    /// <summary>The peer has closed its window.</summary>
    ZeroWindow,
}

/// <summary>A process by name and unit.</summary>
internal readonly record struct ProcessName(string Process, string Unit);
