using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Holders;

/// <summary>
/// Which process holds a socket. The kernel does not tell: the links of every descriptor of every process would have to be read, 4 µs each.
/// This keeps what it has read, bounded, and reads a little more each round where the sockets without a known owner are. For one thread.
/// </summary>
/// <remarks>
/// A round: a walk calls <see cref="TryFind"/> for each socket with an inode and adds those without an owner to a <see cref="Wanted"/>; then
/// <see cref="Improve"/> reads descriptors, those of the processes in the cgroups of sockets in CLOSE_WAIT first. Where cgroups do not tell
/// (version 1) the user does, and where that does not either, half of what may be read goes to processes never read, those of our network namespace and the
/// smallest first, so that nobody waits for the big ones; for the other half a few descriptors of each process are looked at to guess which ones to read.
/// <para>A socket that several processes hold belongs to the one that was read first; to another than process 1, which keeps the listeners
/// that it hands to services. Of those that were asked for (<see cref="Ask"/>) all holders are found.</para>
/// <para>What a process keeps in the table of an io_uring instance it holds as well, though it has no descriptor.</para>
/// <para>Its parts: <see cref="KnownProcesses"/> are what there is to read, the <see cref="ReadingPlan"/> chooses among them, the
/// <see cref="DescriptorReader"/> reads one, the <see cref="OwnerTable"/> keeps what it finds.</para>
/// </remarks>
internal sealed class SocketOwners : IDisposable
{
    /// <summary>Inodes kept, 12 bytes each.</summary>
    public const int DefaultBound = 262_144;

    /// <summary>Links read a round: about 40 ms.</summary>
    public const int DefaultBudget = 10_000;

    /// <summary>A budget that no host has the descriptors for.</summary>
    public const long Everything = 1L << 40;

    private const int SweepRounds = 4;
    private readonly OwnerTable owners;
    private readonly KnownProcesses processes;
    private readonly DescriptorReader reader;
    private readonly ReadingPlan plan;
    private uint round;
    private ulong lookedUp;
    private ulong covered;

    /// <summary>Knows nothing yet.</summary>
    /// <param name="kernel">The kernel of the host.</param>
    /// <param name="cgroups">The cgroups of the host; null to do without them.</param>
    /// <param name="bound">The most inodes to keep.</param>
    public SocketOwners(KernelSource kernel, CgroupTree? cgroups, int bound = DefaultBound)
    {
        owners = new OwnerTable(bound);
        processes = new KnownProcesses(kernel, owners);
        reader = new DescriptorReader(kernel.Proc, processes, owners);
        plan = new ReadingPlan(cgroups, processes, reader, owners.Shared);
        Coverage = new OwnerCoverage(0, 0, 0, 0, 0, 0, string.Empty);
    }

    /// <summary>All owner indices are below this: the length of a table by owner. Holds until the next <see cref="Improve"/>.</summary>
    public int OwnerLimit => owners.Limit;

    /// <summary>Inodes kept now.</summary>
    public int Count => owners.Count;

    /// <summary>As of the last improvement.</summary>
    public OwnerCoverage Coverage { get; private set; }

    /// <summary>The owner behind an index.</summary>
    /// <param name="owner">From <see cref="TryFind"/>, since the last <see cref="Improve"/>.</param>
    public Owner this[int owner] => owners[owner];

    /// <summary>Finds the owner of a socket that a walk has seen; allocates nothing.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    /// <param name="owner">An index for tables by owner; -1 where it is not known.</param>
    public bool TryFind(uint inode, out int owner)
    {
        bool known = owners.TryFind(inode, round, out owner);
        lookedUp++;
        covered += known ? 1u : 0u;
        return known;
    }

    /// <summary>Finds the index of the owner of a socket beside a walk: it is not counted as seen.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    /// <param name="owner">Its owner.</param>
    public bool TryPeek(uint inode, out int owner) => owners.TryPeek(inode, out owner);

    /// <summary>Finds the owner of a socket beside a walk: it is not counted as seen.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    public Owner? Find(uint inode) => owners.Find(inode);

    /// <summary>Has <see cref="Improve"/> look for all holders of these sockets, as long as they are asked for.</summary>
    /// <param name="listeners">Their inodes, the most wanted first; see <see cref="SharedSockets.Bound"/>.</param>
    public void Ask(ReadOnlySpan<uint> listeners) => owners.Shared.Ask(listeners, round + 1);

    /// <summary>Of the sockets that were asked for last, those for which there was no room.</summary>
    public int NotAsked => owners.Shared.LeftOut;

    /// <summary>All holders of a socket that are known; those of one that was not asked for are one at most.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    public IReadOnlyList<Owner> AllOf(uint inode) => owners.AllOf(inode);

    /// <summary>Reads descriptors where the sockets without an owner are.</summary>
    /// <param name="wanted">What the walk saw without owner.</param>
    /// <param name="budget">The most links to read; <see cref="Everything"/> reads on until each socket has its owner or every process was read.</param>
    /// <param name="answered">Called now and then, as a sign that the kernel answers; null where nobody waits for one.</param>
    /// <exception cref="KernelReadException">The processes cannot be listed.</exception>
    public Improvement Improve(Wanted wanted, long budget, Action? answered = null)
    {
        var reading = new ReadingRound(++round, wanted, readsAll: budget >= Everything, answered);
        long start = reader.LinksRead;
        if (round % SweepRounds == 0 || owners.IsNearlyFull)
        {
            owners.Sweep(round);
        }

        processes.Scan(round);
        plan.Read(reading, budget);
        Coverage = processes.TakeStock(lookedUp, covered, reading.LeftOut);
        lookedUp = covered = 0;
        return new Improvement(reader.LinksRead - start, reading.Completed, reading.Found);
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose()
    {
        processes.Dispose();
        reader.Dispose();
    }
}
