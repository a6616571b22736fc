namespace ConnExporter.Sampling.Holders;

/// <summary>Inode → process, of what was read: one process for a socket, all of them for the few that every holder is wanted of. Bounded; for one thread.</summary>
/// <remarks>
/// An owner is an index, with the number of the pass over its process that found the socket: what a later complete pass did not find again is void, and
/// so is what a process held that is gone.
/// </remarks>
/// <param name="bound">The most inodes to keep.</param>
internal sealed class OwnerTable(int bound)
{
    private const int InitProcess = 1;

    // Rounds for which an inode is kept that no walk sees.
    private const int ForgetRounds = 4;
    private readonly InodeTable inodes = new(bound);
    private readonly List<Slot> slots = [];
    private readonly Stack<int> freeSlots = new();

    /// <summary>All owner indices are below this.</summary>
    public int Limit => slots.Count;

    /// <summary>Inodes kept now.</summary>
    public int Count => inodes.Count;

    /// <summary>Whether only what is wanted finds room.</summary>
    public bool IsNearlyFull => inodes.IsFull(bound / 8);

    /// <summary>The sockets of which every holder is wanted.</summary>
    public SharedSockets Shared { get; } = new();

    /// <summary>The owner behind an index.</summary>
    public Owner this[int owner] => slots[owner].Owner;

    /// <summary>Finds the owner of a socket that a walk has seen; allocates nothing.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    /// <param name="round">Noted as the round in which it was seen last.</param>
    /// <param name="owner">Its owner; -1 where it is not known.</param>
    public bool TryFind(uint inode, uint round, out int owner)
    {
        bool known = inodes.TryFind(inode, out uint value, (byte)round) && IsValid(value);
        owner = known ? IndexOf(value) : -1;
        return known;
    }

    /// <summary>Finds the owner of a socket and notes nothing.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    /// <param name="owner">Its owner; -1 where it is not known.</param>
    public bool TryPeek(uint inode, out int owner)
    {
        bool known = inodes.TryPeek(inode, out uint value) && IsValid(value);
        owner = known ? IndexOf(value) : -1;
        return known;
    }

    /// <summary>The owner of a socket, if it is known; nothing is noted.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    public Owner? Find(uint inode) => TryPeek(inode, out int owner) ? slots[owner].Owner : null;

    /// <summary>All holders of a socket that are known; those of one that is not among <see cref="Shared"/> are one at most.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    public IReadOnlyList<Owner> AllOf(uint inode)
    {
        Owner[] holders = [.. Shared.Of(inode).Where(IsValid).Select(value => slots[IndexOf(value)].Owner)];
        return Find(inode) is { } one && !holders.Contains(one) ? [one, .. holders] : holders;
    }

    /// <summary>Takes in a process that holds sockets, with a first pass over its descriptors.</summary>
    /// <returns>Its index.</returns>
    public int Add(Owner owner)
    {
        if (freeSlots.TryPop(out int free))
        {
            slots[free] = new Slot(owner);
            return free;
        }

        slots.Add(new Slot(owner));
        return slots.Count - 1;
    }

    /// <summary>Begins another pass over the descriptors of a process.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="owner">The process as it is now.</param>
    /// <returns>False where it is another one.</returns>
    public bool TryBeginPass(int index, Owner owner)
    {
        Slot slot = slots[index];
        if (slot.Owner.StartTicks != owner.StartTicks)
        {
            return false;
        }

        // Its name changes with execve(), its unit when it is moved.
        slot.Owner = slot.Owner == owner ? slot.Owner : owner;
        slot.Pass++;
        return true;
    }

    /// <summary>Ends a pass over all descriptors of a process: what it did not find is void.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="hasBegun">Whether it began here. Without a socket it did not, and those of the pass before are gone too.</param>
    public void EndPass(int index, bool hasBegun)
    {
        Slot slot = slots[index];
        slot.Pass += hasBegun ? (byte)0 : (byte)1;
        slot.PassBefore = slot.Pass;
    }

    /// <summary>Takes note that a process is gone. Its index is another one's after the next <see cref="Sweep"/>.</summary>
    public void Remove(int index) => slots[index].Alive = false;

    /// <summary>Takes note that a process holds a socket: the first one that is found to does, or another than process 1.</summary>
    /// <param name="index">The index of the process, in a pass.</param>
    /// <param name="inode">The socket's inode.</param>
    /// <param name="round">The round.</param>
    /// <param name="isWanted">Whether it is looked for: then it may have the room that is kept back.</param>
    public Keeping Keep(int index, uint inode, uint round, bool isWanted)
    {
        uint held = ((uint)index << 8) | slots[index].Pass;
        bool known = inodes.TryPeek(inode, out uint value);
        bool valid = known && IsValid(value);
        Shared.Add(inode, held);
        if (valid && IndexOf(value) != index && slots[IndexOf(value)].Owner.Pid != InitProcess)
        {
            return Keeping.Known;
        }

        if (!known && inodes.IsFull(isWanted ? 0 : bound / 8))
        {
            return Keeping.NoRoom;
        }

        inodes.Set(inode, held, (byte)round);
        return valid ? Keeping.Known : Keeping.New;
    }

    /// <summary>Forgets what is void and what no walk sees any more.</summary>
    public void Sweep(uint round)
    {
        byte now = (byte)round;
        Shared.Sweep(IsValid);
        inodes.Sweep((value, seen) => IsValid(value) && (byte)(now - seen) <= ForgetRounds);
        for (int i = 0; i < slots.Count; i++)
        {
            if (!slots[i].Alive && !slots[i].Free)
            {
                slots[i].Free = true;
                freeSlots.Push(i);
            }
        }
    }

    private static int IndexOf(uint value) => (int)(value >> 8);

    private bool IsValid(uint value)
    {
        Slot slot = slots[IndexOf(value)];
        byte pass = (byte)value;
        return slot.Alive && (pass == slot.Pass || pass == slot.PassBefore);
    }

    /// <summary>What an owner index stands for.</summary>
    private sealed class Slot(Owner owner)
    {
        public Owner Owner { get; set; } = owner;

        public bool Alive { get; set; } = true;

        public bool Free { get; set; }

        /// <summary>The pass that is under way, else the last.</summary>
        public byte Pass { get; set; }

        /// <summary>The pass before, while one is under way.</summary>
        public byte PassBefore { get; set; }
    }
}

/// <summary>What became of a socket that was found with a process.</summary>
internal enum Keeping
{
    /// <summary>It had an owner already.</summary>
    Known,

    /// <summary>It has an owner now.</summary>
    New,

    /// <summary>There was no room for it.</summary>
    NoRoom,
}
