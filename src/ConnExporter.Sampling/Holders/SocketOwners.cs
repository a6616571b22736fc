using System.Text;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Cgroups;
using ConnExporter.Kernel.Proc;
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
/// </remarks>
internal sealed class SocketOwners : IDisposable
{
    /// <summary>Inodes kept, 12 bytes each.</summary>
    public const int DefaultBound = 262_144;

    /// <summary>Links read a round: about 40 ms.</summary>
    public const int DefaultBudget = 10_000;

    /// <summary>A budget that no host has the descriptors for.</summary>
    public const long Everything = 1L << 40;

    // Whoever looks once waits for it: half a second. Who serves a listener has seldom more descriptors than most others together.
    private const int SharerBudget = 100_000;

    private const int ProcessBound = 65_536;
    private const int LargestChunk = 4096;
    private const int SmallestChunk = 16;
    private const int LargestSample = 64;
    private const int SmallestSample = 2;
    private const int CountRounds = 4;
    private const int SweepRounds = 4;
    private const int ForgetRounds = 4;
    private const int RereadRounds = 20;
    private const int SampleRounds = 8;
    private const int RegisteredBound = 65_536;
    private const int TableAttempts = 3;
    private const int LongestWait = 5;
    private const int InitProcess = 1;

    private readonly ProcessTable table;
    private readonly ProcessSockets sockets;
    private readonly CgroupTree? cgroups;
    private readonly PodNames? pods;
    private readonly InodeTable inodes;
    private readonly int bound;
    private readonly Dictionary<int, Process> processes = [];
    private readonly List<Slot> slots = [];
    private readonly Stack<int> freeSlots = new();
    private readonly List<Process> candidates = [];
    private readonly List<Process> tier = [];
    private readonly Dictionary<ulong, Wanted.Group> wantedUsers = [];
    private readonly SharedSockets shared = new();
    private readonly SortedSet<string> missing = new(StringComparer.Ordinal);
    private readonly int[] pids = new int[LargestChunk];
    private readonly uint[] found = new uint[LargestChunk];
    private uint[] registered = [];
    private uint round;
    private ulong lookedUp;
    private ulong covered;
    private ulong leftOut;
    private long budgetEnd;
    private int foundSockets;
    private ulong foundCloseWait;
    private int completed;
    private int? levelsAbove;
    private ulong ownNetwork;
    private Action? answered;
    private bool readsAll;

    /// <summary>Knows nothing yet.</summary>
    /// <param name="kernel">The kernel of the host.</param>
    /// <param name="cgroups">The cgroups of the host; null to do without them.</param>
    /// <param name="bound">The most inodes to keep.</param>
    public SocketOwners(KernelSource kernel, CgroupTree? cgroups, int bound = DefaultBound)
    {
        this.cgroups = cgroups;
        this.bound = bound;
        table = new ProcessTable(kernel.Proc);
        pods = kernel.Pods;
        sockets = new ProcessSockets(kernel.Proc);
        inodes = new InodeTable(bound);
        Coverage = new OwnerCoverage(0, 0, 0, 0, 0, 0, string.Empty);
    }

    /// <summary>All owner indices are below this: the length of a table by owner. Holds until the next <see cref="Improve"/>.</summary>
    public int OwnerLimit => slots.Count;

    /// <summary>Inodes kept now.</summary>
    public int Count => inodes.Count;

    /// <summary>As of the last improvement.</summary>
    public OwnerCoverage Coverage { get; private set; }

    /// <summary>The owner behind an index.</summary>
    /// <param name="owner">From <see cref="TryFind"/>, since the last <see cref="Improve"/>.</param>
    public Owner this[int owner] => slots[owner].Owner;

    /// <summary>Finds the owner of a socket that a walk has seen; allocates nothing.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    /// <param name="owner">An index for tables by owner; -1 where it is not known.</param>
    public bool TryFind(uint inode, out int owner)
    {
        lookedUp++;
        if (inodes.TryFind(inode, out uint value, (byte)round) && IsValid(value))
        {
            covered++;
            owner = (int)(value >> 8);
            return true;
        }

        owner = -1;
        return false;
    }

    /// <summary>Finds the index of the owner of a socket beside a walk: it is not counted as seen.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    /// <param name="owner">Its owner.</param>
    public bool TryPeek(uint inode, out int owner)
    {
        bool known = inodes.TryPeek(inode, out uint value) && IsValid(value);
        owner = known ? (int)(value >> 8) : -1;
        return known;
    }

    /// <summary>Finds the owner of a socket beside a walk: it is not counted as seen.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    public Owner? Find(uint inode) => inodes.TryPeek(inode, out uint value) && IsValid(value) ? slots[(int)(value >> 8)].Owner : null;

    /// <summary>Has <see cref="Improve"/> look for all holders of these sockets, as long as they are asked for.</summary>
    /// <param name="listeners">Their inodes, the most wanted first; see <see cref="SharedSockets.Bound"/>.</param>
    public void Ask(ReadOnlySpan<uint> listeners) => shared.Ask(listeners, round + 1);

    /// <summary>Of the sockets that were asked for last, those for which there was no room.</summary>
    public int NotAsked => shared.LeftOut;

    /// <summary>All holders of a socket that are known; those of one that was not asked for are one at most.</summary>
    /// <param name="inode">The socket's inode, not 0.</param>
    public IReadOnlyList<Owner> AllOf(uint inode)
    {
        Owner[] holders = [.. shared.Of(inode).Where(IsValid).Select(value => slots[(int)(value >> 8)].Owner)];
        return Find(inode) is { } one && !holders.Contains(one) ? [one, .. holders] : holders;
    }

    /// <summary>Reads descriptors where the sockets without an owner are.</summary>
    /// <param name="wanted">What the walk saw without owner.</param>
    /// <param name="budget">The most links to read; <see cref="Everything"/> reads on until each socket has its owner or every process was read.</param>
    /// <param name="answered">Called now and then, as a sign that the kernel answers; null where nobody waits for one.</param>
    /// <exception cref="KernelReadException">The processes cannot be listed.</exception>
    public Improvement Improve(Wanted wanted, long budget, Action? answered = null)
    {
        this.answered = answered;
        readsAll = budget >= Everything;
        round++;
        long start = sockets.LinksRead;
        budgetEnd = start + budget;
        foundSockets = completed = 0;
        foundCloseWait = leftOut = 0;
        if (round % SweepRounds == 0 || inodes.IsFull(bound / 8))
        {
            Sweep();
        }

        int denied = Scan();
        if (wanted.Sockets > 0)
        {
            cgroups?.BeginRound();
            Rank(wanted);
            Work(wanted);
        }

        if (shared.Any)
        {
            FindSharers(wanted);
        }

        Refresh(wanted, budget / 8);
        TakeStock(denied);
        return new Improvement(sockets.LinksRead - start, completed, foundSockets);
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose()
    {
        table.Dispose();
        sockets.Dispose();
    }

    private long Left => Math.Max(0, budgetEnd - sockets.LinksRead);

    // An index and the number of the pass over the process that found it: what a later complete pass did not find again is void.
    private bool IsValid(uint value)
    {
        Slot slot = slots[(int)(value >> 8)];
        byte pass = (byte)value;
        return slot.Alive && (pass == slot.Pass || pass == slot.PassBefore);
    }

    private void Sweep()
    {
        byte now = (byte)round;
        shared.Sweep(IsValid);
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

    private int Scan()
    {
        int denied = 0;
        table.Rewind();
        levelsAbove ??= CgroupNamespace.LevelsAbove(table);
        while (table.TryNext(out int pid))
        {
            try
            {
                denied += Look(pid) == ProcessAccess.Denied ? 1 : 0;
            }
            catch (KernelReadException)
            {
                // One process that cannot be looked at is no reason to know nothing of the others: it stays unread.
            }
        }

        foreach (Process process in processes.Values)
        {
            if (process.Round != round)
            {
                Forget(process);
            }
        }

        return denied;
    }

    private ProcessAccess Look(int pid)
    {
        ProcessAccess access = table.Identify(pid, out ulong identity, out uint user, out ulong? count);
        if (access != ProcessAccess.Ok)
        {
            return access;
        }

        if (!processes.TryGetValue(pid, out Process? process) || (process.Identity != identity && !IsSame(process)))
        {
            if (process is not null)
            {
                Forget(process);
            }

            if (processes.Count >= ProcessBound)
            {
                return ProcessAccess.Ok;
            }

            process = new Process(pid);
            processes.Add(pid, process);
        }

        // Where counting means listing, not each round.
        if (count is null && (process.Round == 0 || (pid + round) % CountRounds == 0))
        {
            access = table.CountDescriptors(pid, out ulong listed, out _);
            if (access == ProcessAccess.Gone)
            {
                return access;
            }

            // One is no more than a reason to try.
            count = access == ProcessAccess.Ok ? listed : 1;
        }

        process.Identity = identity;
        process.User = user;
        process.Count = count ?? process.Count;
        process.Round = round;
        process.Rank = 0;
        process.Weight = 0;
        return ProcessAccess.Ok;
    }

    // The kernel gives a directory another inode number when it has dropped it from its cache.
    private bool IsSame(Process process) =>
        process.Slot >= 0 && table.ReadFile(process.Pid, "stat"u8, out ReadOnlySpan<byte> text) == ProcessAccess.Ok && !text.IsEmpty
        && ProcessStat.Parse("PID/stat", text, out _).StartTicks == slots[process.Slot].Owner.StartTicks;

    private void Forget(Process process)
    {
        processes.Remove(process.Pid);
        if (process.Slot >= 0)
        {
            slots[process.Slot].Alive = false;
            process.Slot = -1;
        }
    }

    private void Rank(Wanted wanted)
    {
        wantedUsers.Clear();
        foreach (Wanted.Group group in wanted.Groups)
        {
            if (!group.IsCgroup)
            {
                wantedUsers[group.Key] = group;
            }
            else if (cgroups?.Find(group.Key) is { } cgroup)
            {
                foreach (int pid in pids.AsSpan(0, cgroups.ReadProcesses(cgroup, pids)))
                {
                    if (processes.TryGetValue(pid, out Process? process))
                    {
                        process.Want(group);
                    }
                }
            }
        }

        candidates.Clear();
        foreach (Process process in processes.Values)
        {
            if (wantedUsers.TryGetValue(process.User, out Wanted.Group group))
            {
                process.Want(group);
            }

            if (IsCandidate(process))
            {
                process.Hits = 0;
                candidates.Add(process);
            }
        }
    }

    private bool IsCandidate(Process process)
    {
        if (process.Count == 0 || (process.IsDenied && process.NotBefore > round))
        {
            return false;
        }

        bool changed = process.Count != process.ReadCount;
        return process.InPass || process.ReadRound == 0 || (process.Rank == 3 && changed) || ((process.Rank > 0 || changed) && process.NotBefore <= round);
    }

    private void Work(Wanted wanted)
    {
        ReadTier(wanted, process => process.Rank == 3);

        // A process may have left the cgroup, or the user, that it made its sockets as.
        if (wanted.CloseWait > foundCloseWait)
        {
            Take(process => process.Rank < 3);
            ReadTheSmall(wanted);
            Take(process => process.Rank < 3);
            Sample(wanted, Left / 2);
            ReadTier(wanted, process => process.Rank < 3 && process.Hits > 0);
        }

        for (int rank = 2; rank >= 0 && !IsAllFound(wanted); rank--)
        {
            int wantedRank = rank;
            ReadTier(wanted, process => process.Rank == wantedRank);
        }
    }

    // A guess is not enough where nothing is looked for afterwards.
    private bool IsAllFound(Wanted wanted) => (ulong)foundSockets >= wanted.Sockets && (wanted.IsExact || !readsAll);

    // Descriptors are handed on to other processes without a trace: what is known gets old.
    private void Refresh(Wanted wanted, long share)
    {
        long end = Math.Min(budgetEnd, sockets.LinksRead + share);
        if (end <= sockets.LinksRead)
        {
            return;
        }

        tier.Clear();
        foreach (Process process in processes.Values)
        {
            if (process.Slot >= 0 && (process.InPass || round - process.ReadRound >= RereadRounds))
            {
                tier.Add(process);
            }
        }

        tier.Sort(static (a, b) => a.ReadRound.CompareTo(b.ReadRound));
        (long whole, budgetEnd) = (budgetEnd, end);
        ReadAll(wanted, refresh: true);
        budgetEnd = whole;
    }

    private void Take(Func<Process, bool> which)
    {
        tier.Clear();
        foreach (Process process in candidates)
        {
            if (!process.Done(round) && which(process))
            {
                tier.Add(process);
            }
        }
    }

    private void ReadTier(Wanted wanted, Func<Process, bool> which)
    {
        Take(which);
        ulong total = 0;
        foreach (Process process in tier)
        {
            total += process.Count;
        }

        if (total > (ulong)Left)
        {
            ReadTheSmall(wanted);
            Take(which);
            Sample(wanted, Left / 2);
            Take(which);
        }
        else if (readsAll)
        {
            SortSmallestFirst();
            ReadAll(wanted);
            return;
        }

        tier.Sort(static (a, b) =>
        {
            int order = b.ExpectedHits.CompareTo(a.ExpectedHits);
            order = order != 0 ? order : b.Weight.CompareTo(a.Weight);
            order = order != 0 ? order : b.ExpectedSockets.CompareTo(a.ExpectedSockets);
            return order != 0 ? order : b.Count.CompareTo(a.Count);
        });
        ReadAll(wanted);
    }

    // Whoever has few descriptors is soon read and never waits for those that have many.
    private void ReadTheSmall(Wanted wanted)
    {
        SortSmallestFirst();
        long whole = budgetEnd;
        budgetEnd = sockets.LinksRead + (Left / 2);
        foreach (Process process in tier)
        {
            while (Left > 0 && !IsAllFound(wanted) && !process.Done(round) && Read(process, (int)Math.Min(LargestChunk, Left), wanted))
            {
            }
        }

        budgetEnd = whole;
    }

    // Those never read before others, those of our own network namespace before others, then the smallest; of those that were read the one that was longest ago.
    private void SortSmallestFirst()
    {
        foreach (Process process in tier)
        {
            process.IsElsewhere ??= IsElsewhere(process.Pid);
        }

        tier.Sort(static (a, b) =>
        {
            int order = (a.ReadRound > 0).CompareTo(b.ReadRound > 0);
            order = order != 0 ? order : (a.IsElsewhere == true).CompareTo(b.IsElsewhere == true);
            order = order != 0 ? order : a.ReadRound.CompareTo(b.ReadRound);
            return order != 0 ? order : a.Count.CompareTo(b.Count);
        });
    }

    // The file needs no rights on the process and is another in each namespace. Where it does not tell, the process may be as near as any.
    private bool IsElsewhere(int pid)
    {
        try
        {
            if (ownNetwork == 0 && table.ReadInode("self/net/sockstat\0"u8, out ownNetwork) != ProcessAccess.Ok)
            {
                return false;
            }

            return table.ReadInode(pid, "net/sockstat"u8, out ulong network) == ProcessAccess.Ok && network != ownNetwork;
        }
        catch (KernelReadException)
        {
            return false;
        }
    }

    // Whoever was not read since the youngest was asked for may hold one of them.
    private void FindSharers(Wanted wanted)
    {
        tier.Clear();
        foreach (Process process in processes.Values)
        {
            bool isUnread = process.ReadRound == 0 || process.ReadBegun < shared.Since || (process.Count != process.ReadCount && process.NotBefore <= round);
            if (isUnread && !process.Done(round) && process.Count > 0 && !(process.IsDenied && process.NotBefore > round))
            {
                tier.Add(process);
            }
        }

        SortSmallestFirst();
        budgetEnd = Math.Min(budgetEnd, sockets.LinksRead + SharerBudget);
        ReadAll(wanted, refresh: true);
    }

    // A process with a million descriptors does not keep the others waiting: each gets a quarter of the budget in turn.
    private void ReadAll(Wanted wanted, bool refresh = false)
    {
        int chunk = (int)Math.Clamp(Left / 4, SmallestChunk, LargestChunk);
        bool unfinished = true;
        while (unfinished && Left > 0)
        {
            unfinished = false;
            foreach (Process process in tier)
            {
                if (Left == 0 || (!refresh && IsAllFound(wanted)))
                {
                    return;
                }

                if (!process.Done(round))
                {
                    unfinished |= Read(process, (int)Math.Min(chunk, Left), wanted);
                }
            }
        }
    }

    // Looks at a few descriptors of each process of the tier, in proportion to how many it has, in those never looked at first.
    private void Sample(Wanted wanted, long share)
    {
        if (tier.Count == 0 || share <= 0)
        {
            return;
        }

        long end = sockets.LinksRead + share;
        double total = 0;
        foreach (Process process in tier)
        {
            total += process.Count;
        }

        tier.Sort(static (a, b) => a.SampleRound != b.SampleRound ? a.SampleRound.CompareTo(b.SampleRound) : b.Count.CompareTo(a.Count));
        foreach (Process process in tier)
        {
            int size = (int)Math.Clamp(share * (process.Count / total), SmallestSample, LargestSample);
            if (sockets.LinksRead + size > end)
            {
                return;
            }

            bool hopeless = process.SampleRound != 0 && process.SampleCount == process.Count && process.ExpectedSockets == 0 && round - process.SampleRound < SampleRounds;
            if (process.SampleRound == round || process.Done(round) || hopeless)
            {
                continue;
            }

            if (process.Count <= (ulong)size && !process.InPass)
            {
                Read(process, size, wanted);
                continue;
            }

            Sample(process, size, wanted);
        }
    }

    private void Sample(Process process, int size, Wanted wanted)
    {
        try
        {
            ProcessAccess access = sockets.Sample(process.Pid, process.Count, round * 7919, found.AsSpan(0, size), out int count, out int looked);
            process.SampleRound = round;
            process.SampleCount = process.Count;
            process.Hits = 0;
            if (access == ProcessAccess.Denied)
            {
                Deny(process);
            }

            if (access != ProcessAccess.Ok || looked == 0)
            {
                return;
            }

            foreach (uint inode in found.AsSpan(0, count))
            {
                process.Hits += wanted.Holds(inode, out bool closeWait) && closeWait ? 1 : 0;
            }

            process.ExpectedSockets = count * (double)process.Count / looked;
            process.ExpectedHits = process.Hits * (double)process.Count / looked;
        }
        catch (KernelReadException)
        {
            process.GiveUp(round);
        }
    }

    // Reads on in a process; true where there is more of it.
    private bool Read(Process process, int limit, Wanted wanted)
    {
        try
        {
            return ReadChunk(process, limit, wanted);
        }
        catch (KernelReadException)
        {
            process.GiveUp(round);
            return false;
        }
    }

    private bool ReadChunk(Process process, int limit, Wanted wanted)
    {
        if (!process.InPass)
        {
            process.Begin(round);
        }

        ProcessAccess access = sockets.Read(process.Pid, ref process.Position, found.AsSpan(0, Math.Min(limit, found.Length)), out int count, out _);
        int inRings = access == ProcessAccess.Ok ? ReadRegistered(process) : 0;
        bool holds = count + inRings > 0;
        if (access == ProcessAccess.Ok && holds && !process.IsDescribed)
        {
            access = Describe(process);
            process.IsDescribed = true;
        }

        if (access == ProcessAccess.Ok && holds)
        {
            // Still the process that was looked at when the round began? Then everything read between was its own.
            access = table.Identify(process.Pid, out ulong identity, out _, out _);
            access = access == ProcessAccess.Ok && identity != process.Identity ? ProcessAccess.Gone : access;
        }

        if (access == ProcessAccess.Denied)
        {
            Deny(process);
            return false;
        }

        if (access == ProcessAccess.Gone)
        {
            Forget(process);
            process.GiveUp(round);
            return false;
        }

        answered?.Invoke();
        Keep(process, found.AsSpan(0, count), wanted);
        Keep(process, registered.AsSpan(0, inRings), wanted);
        if (process.Position != ProcessSockets.End)
        {
            return true;
        }

        completed++;
        process.Complete(round, LongestWait);
        if (process.Slot >= 0)
        {
            // Without a socket in this pass, those of the pass before are gone too.
            Slot slot = slots[process.Slot];
            slot.Pass += process.IsDescribed ? (byte)0 : (byte)1;
            slot.PassBefore = slot.Pass;
        }

        return false;
    }

    // What a process has in tables of io_uring it holds without a descriptor. Read in every pass: what a pass does not find counts as gone. A table that cannot be
    // read costs what is in it and not the descriptors; it counts as left out.
    private int ReadRegistered(Process process)
    {
        int count = 0;
        leftOut += (ulong)sockets.RingsLeftOut;
        foreach (int ring in sockets.Rings)
        {
            registered = registered.Length == 0 ? new uint[RegisteredBound] : registered;
            count += ReadTable(process.Pid, ring, registered.AsSpan(count));
        }

        return count;
    }

    private int ReadTable(int pid, int ring, Span<uint> room)
    {
        int count = 0;
        try
        {
            // The kernel only tries for the instance's lock: one at work is asked again at once.
            for (int attempt = 1; attempt <= TableAttempts; attempt++)
            {
                if (sockets.ReadRegistered(pid, ring, room, out count))
                {
                    return count;
                }
            }
        }
        catch (KernelReadException)
        {
            // Counted below.
        }

        leftOut++;
        return count;
    }

    private void Keep(Process process, ReadOnlySpan<uint> held, Wanted wanted)
    {
        foreach (uint inode in held)
        {
            bool isWanted = wanted.Holds(inode, out bool closeWait);
            bool known = inodes.TryPeek(inode, out uint value);
            bool valid = known && IsValid(value);
            shared.Add(inode, ((uint)process.Slot << 8) | slots[process.Slot].Pass);
            if (valid && (int)(value >> 8) != process.Slot && slots[(int)(value >> 8)].Owner.Pid != InitProcess)
            {
                continue;
            }

            if (!known && inodes.IsFull(isWanted ? 0 : bound / 8))
            {
                leftOut++;
                continue;
            }

            inodes.Set(inode, ((uint)process.Slot << 8) | slots[process.Slot].Pass, (byte)round);
            if (isWanted && !valid)
            {
                foundSockets++;
                foundCloseWait += closeWait ? 1u : 0u;
                process.FoundInPass++;
            }
        }
    }

    private ProcessAccess Describe(Process process)
    {
        ProcessAccess access = table.ReadFile(process.Pid, "stat"u8, out ReadOnlySpan<byte> text);
        if (access != ProcessAccess.Ok || text.IsEmpty)
        {
            return access == ProcessAccess.Ok ? ProcessAccess.Gone : access;
        }

        var stat = ProcessStat.Parse("PID/stat", text, out ReadOnlySpan<byte> nameBytes);
        string name = Encoding.UTF8.GetString(nameBytes);

        // A kernel without control groups has no such file.
        access = table.ReadFile(process.Pid, "cgroup"u8, out text);
        var owner = new Owner(name, access == ProcessAccess.Ok ? UnitName.FromProcessFile(text, levelsAbove ?? 0, pods) : UnitName.None, process.Pid, stat.StartTicks);
        if (process.Slot < 0)
        {
            process.Slot = Allot(owner);
            return ProcessAccess.Ok;
        }

        Slot slot = slots[process.Slot];
        if (slot.Owner.StartTicks != owner.StartTicks)
        {
            return ProcessAccess.Gone;
        }

        // Its name changes with execve(), its unit when it is moved.
        slot.Owner = slot.Owner == owner ? slot.Owner : owner;
        slot.Pass++;
        return ProcessAccess.Ok;
    }

    private int Allot(Owner owner)
    {
        if (freeSlots.TryPop(out int free))
        {
            slots[free] = new Slot(owner);
            return free;
        }

        slots.Add(new Slot(owner));
        return slots.Count - 1;
    }

    private void Deny(Process process)
    {
        missing.UnionWith(sockets.MissingCapabilities);
        process.GiveUp(round);
        process.IsDenied = true;
        process.NotBefore = round + RereadRounds;
    }

    private void TakeStock(int hidden)
    {
        int holding = 0;
        int unread = 0;
        int denied = hidden;
        int deniedNear = hidden;
        foreach (Process process in processes.Values)
        {
            if (process.Count > 0)
            {
                holding++;
                denied += process.IsDenied ? 1 : 0;
                deniedNear += process.IsDenied && (process.IsElsewhere ??= IsElsewhere(process.Pid)) == false ? 1 : 0;
                unread += !process.IsDenied && (process.ReadRound == 0 || process.ReadCount != process.Count) ? 1 : 0;
            }
        }

        if (denied == 0)
        {
            missing.Clear();
        }

        Coverage = new OwnerCoverage(lookedUp, covered, leftOut, holding + hidden, unread, denied, string.Join(", ", missing)) { DeniedNear = deniedNear };
        lookedUp = covered = 0;
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

    private sealed class Process(int pid)
    {
        // By reference to where the reading goes on.
        public long Position;

        public int Pid { get; } = pid;

        public ulong Identity { get; set; }

        public uint User { get; set; }

        public ulong Count { get; set; }

        /// <summary>The round in which it was seen last.</summary>
        public uint Round { get; set; }

        public int Rank { get; set; }

        public uint Weight { get; set; }

        public int Slot { get; set; } = -1;

        public bool InPass { get; set; }

        public int FoundInPass { get; set; }

        /// <summary>Whether its name and unit were read in this pass, which is when it has a socket.</summary>
        public bool IsDescribed { get; set; }

        /// <summary>Whether it is in another network namespace than we are; null where nobody has looked.</summary>
        public bool? IsElsewhere { get; set; }

        /// <summary>The round in which the last complete pass began.</summary>
        public uint ReadBegun { get; private set; }

        /// <summary>Its descriptors when the last complete pass began.</summary>
        public ulong ReadCount { get; private set; }

        /// <summary>The round of the last complete pass; 0 before it.</summary>
        public uint ReadRound { get; private set; }

        public uint NotBefore { get; set; }

        public bool IsDenied { get; set; }

        public uint SampleRound { get; set; }

        public ulong SampleCount { get; set; }

        public int Hits { get; set; }

        public double ExpectedSockets { get; set; }

        public double ExpectedHits { get; set; }

        private ulong PassCount { get; set; }

        private uint PassRound { get; set; }

        private uint DoneRound { get; set; }

        private int Fruitless { get; set; }

        public bool Done(uint round) => DoneRound == round;

        public void Want(Wanted.Group group)
        {
            if (group.Rank > Rank)
            {
                Rank = group.Rank;
                Weight = 0;
            }

            if (group.Rank == Rank)
            {
                Weight = Math.Max(Weight, Rank == 3 ? group.CloseWait : Rank == 2 ? group.Listeners : group.Sockets);
            }
        }

        public void Begin(uint round)
        {
            PassRound = round;
            InPass = true;
            Position = 0;
            PassCount = Count;
            FoundInPass = 0;
            IsDescribed = false;
        }

        public void Complete(uint round, int longestWait)
        {
            InPass = false;
            IsDenied = false;
            IsElsewhere = null;
            ReadCount = PassCount;
            ReadBegun = PassRound;
            ReadRound = DoneRound = round;
            Fruitless = FoundInPass > 0 ? 0 : Math.Min(Fruitless + 1, longestWait);
            NotBefore = round + (1u << Fruitless);
        }

        /// <summary>Nothing more of it this round.</summary>
        public void GiveUp(uint round)
        {
            InPass = false;
            DoneRound = round;
        }
    }
}
