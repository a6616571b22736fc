using System.Runtime.CompilerServices;
namespace ConnExporter.Sampling.Holders;

/// <summary>Inodes and the process that holds each: a bounded open-addressing table of 9 bytes a place, at most three quarters full.</summary>
internal sealed class InodeTable
{
    private const int FirstCapacity = 1024;
    private readonly int bound;
    private uint[] inodes = new uint[FirstCapacity];
    private uint[] values = new uint[FirstCapacity];
    private byte[] seen = new byte[FirstCapacity];

    /// <summary>An empty table.</summary>
    /// <param name="bound">The most inodes it takes.</param>
    public InodeTable(int bound) => this.bound = bound;

    /// <summary>How many inodes it has.</summary>
    public int Count { get; private set; }

    /// <summary>Whether it takes no more, with some room kept back.</summary>
    /// <param name="reserve">How much room.</param>
    public bool IsFull(int reserve) => Count >= bound - reserve;

    /// <summary>Finds an inode.</summary>
    /// <param name="inode">The inode, not 0.</param>
    /// <param name="value">What it was set to.</param>
    /// <param name="mark">Noted as the round in which it was seen last.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryFind(uint inode, out uint value, byte mark)
    {
        int slot = SlotOf(inode);
        if (inodes[slot] != inode)
        {
            value = 0;
            return false;
        }

        value = values[slot];
        seen[slot] = mark;
        return true;
    }

    /// <summary>Finds an inode and notes nothing.</summary>
    /// <param name="inode">The inode, not 0.</param>
    /// <param name="value">What it was set to.</param>
    public bool TryPeek(uint inode, out uint value)
    {
        int slot = SlotOf(inode);
        value = values[slot];
        return inodes[slot] == inode;
    }

    /// <summary>Sets an inode. The caller has looked at <see cref="IsFull"/>.</summary>
    /// <param name="inode">The inode, not 0.</param>
    /// <param name="value">What to find there.</param>
    /// <param name="mark">The round; that of an inode which is there already stays.</param>
    public void Set(uint inode, uint value, byte mark)
    {
        int slot = SlotOf(inode);
        if (inodes[slot] != inode)
        {
            if (Count + 1 > inodes.Length / 4 * 3)
            {
                Resize(inodes.Length * 2, static (_, _) => true);
                slot = SlotOf(inode);
            }

            inodes[slot] = inode;
            seen[slot] = mark;
            Count++;
        }

        values[slot] = value;
    }

    /// <summary>Keeps some and drops the others.</summary>
    /// <param name="keep">Given the value and the round in which it was seen last.</param>
    public void Sweep(Func<uint, byte, bool> keep)
    {
        int kept = 0;
        for (int i = 0; i < inodes.Length; i++)
        {
            kept += inodes[i] != 0 && keep(values[i], seen[i]) ? 1 : 0;
        }

        if (kept == Count)
        {
            return;
        }

        int capacity = inodes.Length;
        while (capacity > FirstCapacity && kept < capacity / 8)
        {
            capacity /= 2;
        }

        if (capacity < inodes.Length)
        {
            Resize(capacity, keep);
            return;
        }

        // In place: a new table each time would be megabytes of garbage. What moves into the place of one that is dropped is looked at too.
        for (int i = 0; i < inodes.Length; i++)
        {
            while (inodes[i] != 0 && !keep(values[i], seen[i]))
            {
                RemoveAt(i);
            }
        }
    }

    // Leaves no gap between an inode and the place that it hashes to: those behind it move up.
    private void RemoveAt(int gap)
    {
        Count--;
        for (int slot = Next(gap); inodes[slot] != 0; slot = Next(slot))
        {
            int home = HomeOf(inodes[slot]);
            bool behindGap = gap < slot ? home > gap && home <= slot : home > gap || home <= slot;
            if (!behindGap)
            {
                (inodes[gap], values[gap], seen[gap]) = (inodes[slot], values[slot], seen[slot]);
                gap = slot;
            }
        }

        inodes[gap] = 0;
    }

    private void Resize(int capacity, Func<uint, byte, bool> keep)
    {
        (uint[] oldInodes, uint[] oldValues, byte[] oldSeen) = (inodes, values, seen);

        // The last doubling would be past the bound: no larger than the bound needs.
        capacity = Math.Min(capacity, Math.Max(FirstCapacity, (int)(bound / 3L * 4) + 8));
        inodes = new uint[capacity];
        values = new uint[capacity];
        seen = new byte[capacity];
        Count = 0;
        for (int i = 0; i < oldInodes.Length; i++)
        {
            if (oldInodes[i] != 0 && keep(oldValues[i], oldSeen[i]))
            {
                int slot = SlotOf(oldInodes[i]);
                (inodes[slot], values[slot], seen[slot]) = (oldInodes[i], oldValues[i], oldSeen[i]);
                Count++;
            }
        }
    }

    // The place of an inode, or the free one where it would go.
    private int SlotOf(uint inode)
    {
        int slot = HomeOf(inode);
        while (inodes[slot] != inode && inodes[slot] != 0)
        {
            slot = Next(slot);
        }

        return slot;
    }

    private int HomeOf(uint inode) => (int)(((ulong)(inode * 0x9e3779b1) * (uint)inodes.Length) >> 32);

    private int Next(int slot) => slot + 1 == inodes.Length ? 0 : slot + 1;
}
