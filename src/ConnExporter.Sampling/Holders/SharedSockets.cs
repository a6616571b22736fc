namespace ConnExporter.Sampling.Holders;

/// <summary>
/// Sockets of which every holder is wanted, not only one: listeners in trouble, that one process may have made and another serve. Bounded; for one thread.
/// </summary>
internal sealed class SharedSockets
{
    /// <summary>Sockets followed at once.</summary>
    public const int Bound = 64;

    /// <summary>Holders kept of each; a master, and some of its workers.</summary>
    public const int HolderBound = 64;

    // As long as a listener was in trouble within so many rounds what is known of it is kept: most are soon in trouble again.
    private const int KeptRounds = 20;
    private readonly Dictionary<uint, Entry> entries = [];

    /// <summary>Whether any is followed.</summary>
    public bool Any => entries.Count > 0;

    /// <summary>Sockets that were asked for and for which there was no room.</summary>
    public int LeftOut { get; private set; }

    /// <summary>The youngest of them was asked for before this round: whoever was read from it on has been looked through for all.</summary>
    public uint Since { get; private set; }

    /// <summary>Follows these sockets.</summary>
    /// <param name="inodes">Their inodes, the most wanted first.</param>
    /// <param name="round">The round that comes next.</param>
    public void Ask(ReadOnlySpan<uint> inodes, uint round)
    {
        foreach (uint inode in inodes)
        {
            if (entries.TryGetValue(inode, out Entry? known))
            {
                known.Asked = round;
            }
        }

        foreach ((uint inode, Entry entry) in entries)
        {
            if (round - entry.Asked > KeptRounds)
            {
                entries.Remove(inode);
            }
        }

        LeftOut = 0;
        foreach (uint inode in inodes)
        {
            if (inode == 0 || entries.ContainsKey(inode))
            {
                continue;
            }

            if (entries.Count >= Bound)
            {
                LeftOut++;
                continue;
            }

            entries.Add(inode, new Entry { Asked = round });
            Since = round;
        }
    }

    /// <summary>Takes note of a holder, where the socket is followed.</summary>
    /// <param name="inode">The socket.</param>
    /// <param name="value">The holder, as the owners write it.</param>
    public void Add(uint inode, uint value)
    {
        if (entries.Count == 0 || !entries.TryGetValue(inode, out Entry? entry))
        {
            return;
        }

        int known = entry.Holders.FindIndex(holder => holder >> 8 == value >> 8);
        if (known >= 0)
        {
            entry.Holders[known] = value;
        }
        else if (entry.Holders.Count < HolderBound)
        {
            entry.Holders.Add(value);
        }
    }

    /// <summary>The holders of a socket that are known, <see cref="HolderBound"/> at most.</summary>
    /// <returns>Empty where it is not followed.</returns>
    public IReadOnlyList<uint> Of(uint inode) => entries.TryGetValue(inode, out Entry? entry) ? entry.Holders : [];

    /// <summary>Forgets those that hold it no longer.</summary>
    /// <param name="isValid">Whether one still does.</param>
    public void Sweep(Func<uint, bool> isValid)
    {
        foreach (Entry entry in entries.Values)
        {
            entry.Holders.RemoveAll(holder => !isValid(holder));
        }
    }

    private sealed class Entry
    {
        public uint Asked { get; set; }

        public List<uint> Holders { get; } = [];
    }
}
