using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Holders;

/// <summary>Reads the descriptors of a process, all of them in portions or a sample, and keeps which sockets are among them. For one thread.</summary>
internal sealed class DescriptorReader : IDisposable
{
    /// <summary>Descriptors at most that are read at once.</summary>
    public const int LargestChunk = 4096;

    private readonly ProcessSockets sockets;
    private readonly RegisteredSockets registered;
    private readonly KnownProcesses processes;
    private readonly OwnerTable owners;
    private readonly uint[] found = new uint[LargestChunk];

    /// <summary>Nothing is opened yet.</summary>
    /// <param name="proc">The proc file system.</param>
    /// <param name="processes">The processes of the host.</param>
    /// <param name="owners">Where it is kept.</param>
    public DescriptorReader(ProcFs proc, KnownProcesses processes, OwnerTable owners)
    {
        this.processes = processes;
        this.owners = owners;
        sockets = new ProcessSockets(proc);
        registered = new RegisteredSockets(sockets);
    }

    /// <summary>Links read so far: the measure of what this costs.</summary>
    public long LinksRead => sockets.LinksRead;

    /// <summary>Reads on in a process.</summary>
    /// <param name="process">The process.</param>
    /// <param name="limit">The most descriptors to read.</param>
    /// <param name="round">The round.</param>
    /// <returns>True where there is more of it.</returns>
    public bool Read(KnownProcess process, int limit, ReadingRound round)
    {
        try
        {
            return ReadChunk(process, limit, round);
        }
        catch (KernelReadException)
        {
            process.GiveUp(round.Number);
            return false;
        }
    }

    /// <summary>Looks at a few descriptors of a process, to guess what it has; nothing is kept of them.</summary>
    /// <param name="process">The process.</param>
    /// <param name="size">How many.</param>
    /// <param name="round">The round.</param>
    public void Sample(KnownProcess process, int size, ReadingRound round)
    {
        try
        {
            ProcessAccess access = sockets.Sample(process.Pid, process.Count, round.Number * 7919, found.AsSpan(0, size), out int count, out int looked);
            process.BeginSample(round.Number);
            if (access == ProcessAccess.Denied)
            {
                processes.Deny(process, sockets.MissingCapabilities, round.Number);
            }

            if (access != ProcessAccess.Ok || looked == 0)
            {
                return;
            }

            int hits = 0;
            foreach (uint inode in found.AsSpan(0, count))
            {
                hits += round.Wanted.Holds(inode, out bool closeWait) && closeWait ? 1 : 0;
            }

            process.EndSample(looked, count, hits);
        }
        catch (KernelReadException)
        {
            process.GiveUp(round.Number);
        }
    }

    /// <summary>Closes what is open.</summary>
    public void Dispose() => sockets.Dispose();

    private bool ReadChunk(KnownProcess process, int limit, ReadingRound round)
    {
        if (!process.InPass)
        {
            process.Begin(round.Number);
        }

        ProcessAccess access = sockets.Read(process.Pid, ref process.Position, found.AsSpan(0, Math.Min(limit, found.Length)), out int count, out _);
        ReadOnlySpan<uint> inRings = access == ProcessAccess.Ok ? registered.Read(process.Pid, round) : [];
        bool holds = count + inRings.Length > 0;
        if (access == ProcessAccess.Ok && holds && !process.IsDescribed)
        {
            access = processes.Describe(process);
            process.IsDescribed = true;
        }

        if (access == ProcessAccess.Ok && holds)
        {
            access = processes.Confirm(process);
        }

        if (access == ProcessAccess.Denied)
        {
            processes.Deny(process, sockets.MissingCapabilities, round.Number);
            return false;
        }

        if (access == ProcessAccess.Gone)
        {
            processes.Forget(process);
            process.GiveUp(round.Number);
            return false;
        }

        round.Answered();
        Keep(process, found.AsSpan(0, count), round);
        Keep(process, inRings, round);
        if (process.Position != ProcessSockets.End)
        {
            return true;
        }

        round.CountCompleted();
        process.Complete(round.Number);
        if (process.Slot >= 0)
        {
            owners.EndPass(process.Slot, hasBegun: process.IsDescribed);
        }

        return false;
    }

    private void Keep(KnownProcess process, ReadOnlySpan<uint> held, ReadingRound round)
    {
        foreach (uint inode in held)
        {
            bool isWanted = round.Wanted.Holds(inode, out bool closeWait);
            Keeping kept = owners.Keep(process.Slot, inode, round.Number, isWanted);
            if (kept == Keeping.NoRoom)
            {
                round.CountLeftOut(1);
            }
            else if (kept == Keeping.New && isWanted)
            {
                round.CountFound(closeWait);
                process.CountFound();
            }
        }
    }
}
