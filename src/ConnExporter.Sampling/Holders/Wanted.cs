using System.Numerics;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Holders;

/// <summary>The sockets that a walk saw without knowing their owner: where to look for them, worst first. Of fixed size, whatever their number.</summary>
/// <remarks>
/// A socket leaves one bit in one of two filters of 32 KiB, so that a descriptor that is read can be told to be one of them, see
/// <see cref="Holds"/>. The first few thousand are kept by inode as well.
/// </remarks>
internal sealed class Wanted
{
    /// <summary>Cgroups and users that are told apart; of sockets beyond that only the numbers count.</summary>
    public const int GroupBound = 2048;

    private const int Slots = 2 * GroupBound;
    private const int FilterBits = 1 << 18;
    private const int ExactBound = 4096;

    private readonly Group[] groups = new Group[Slots];
    private readonly ulong[] leaked = new ulong[FilterBits / 64];
    private readonly ulong[] others = new ulong[FilterBits / 64];
    private readonly HashSet<uint> exact = new(ExactBound);
    private readonly List<int> used = new(GroupBound);

    /// <summary>All sockets added.</summary>
    public ulong Sockets { get; private set; }

    /// <summary>Those of them in CLOSE_WAIT.</summary>
    public ulong CloseWait { get; private set; }

    /// <summary>Whether <see cref="Holds"/> is certain: there were no more than are kept by inode.</summary>
    public bool IsExact { get; private set; } = true;

    /// <summary>Where they are, in no order.</summary>
    public IEnumerable<Group> Groups
    {
        get
        {
            foreach (int slot in used)
            {
                yield return groups[slot];
            }
        }
    }

    /// <summary>Starts over, before a walk.</summary>
    public void Clear()
    {
        foreach (int slot in used)
        {
            groups[slot] = default;
        }

        used.Clear();
        if (Sockets > 0)
        {
            Array.Clear(leaked);
            Array.Clear(others);
        }

        Sockets = CloseWait = 0;
        exact.Clear();
        IsExact = true;
    }

    /// <summary>Adds a socket that has an inode and no known owner.</summary>
    /// <param name="state">Its state.</param>
    /// <param name="inode">Its inode; a socket with 0 has no owner and is passed over.</param>
    /// <param name="cgroup">Its cgroup id; 0 or <see cref="CgroupTree.RootId"/> where ids do not tell.</param>
    /// <param name="user">The user that made it.</param>
    public void Add(TcpState state, uint inode, ulong cgroup, uint user)
    {
        if (inode == 0)
        {
            return;
        }

        Sockets++;
        bool closeWait = state == TcpState.CloseWait;
        CloseWait += closeWait ? 1u : 0u;
        (int word, ulong bit) = Place(inode);
        (closeWait ? leaked : others)[word] |= bit;
        if (exact.Count < ExactBound)
        {
            exact.Add(inode);
        }
        else
        {
            IsExact = false;
        }

        bool tells = CgroupTree.Tells(cgroup);
        ulong key = tells ? cgroup : user;
        for (uint slot = Hash(key + (tells ? 0ul : 1ul << 63)) % Slots; ; slot = (slot + 1) % Slots)
        {
            ref Group group = ref groups[slot];
            if (group.Sockets == 0)
            {
                if (used.Count >= GroupBound)
                {
                    return;
                }

                used.Add((int)slot);
                group.Key = key;
                group.IsCgroup = tells;
            }
            else if (group.Key != key || group.IsCgroup != tells)
            {
                continue;
            }

            group.Sockets++;
            group.CloseWait += closeWait ? 1u : 0u;
            group.Listeners += state == TcpState.Listen ? 1u : 0u;
            return;
        }
    }

    /// <summary>Whether a socket is among those added, and how bad it is; with very many of them now and then one that is not is taken for one (1 in 50 with 5,000 of them).</summary>
    /// <param name="inode">Its inode.</param>
    /// <param name="closeWait">Whether it is one in CLOSE_WAIT.</param>
    public bool Holds(uint inode, out bool closeWait)
    {
        (int word, ulong bit) = Place(inode);
        closeWait = (leaked[word] & bit) != 0;
        return (closeWait || (others[word] & bit) != 0) && (!IsExact || exact.Contains(inode));
    }

    private static (int Word, ulong Bit) Place(uint inode)
    {
        uint bit = Hash(inode) % FilterBits;
        return ((int)(bit / 64), 1ul << (int)(bit % 64));
    }

    private static uint Hash(ulong key) => (uint)(BitOperations.RotateLeft(key * 0x9e3779b97f4a7c15, 32) >> 8);

    /// <summary>The sockets of one cgroup, or of one user where cgroups do not tell.</summary>
    internal struct Group
    {
        /// <summary>The cgroup's id, or the user's.</summary>
        public ulong Key;

        /// <summary>Which of the two.</summary>
        public bool IsCgroup;

        /// <summary>All.</summary>
        public uint Sockets;

        /// <summary>In CLOSE_WAIT.</summary>
        public uint CloseWait;

        /// <summary>Listening.</summary>
        public uint Listeners;

        /// <summary>What to look for first: 3 for CLOSE_WAIT, 2 for listeners, 1 for others.</summary>
        public readonly int Rank => CloseWait > 0 ? 3 : Listeners > 0 ? 2 : 1;
    }
}
