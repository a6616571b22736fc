using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Holders;

/// <summary>The sockets that a process keeps in the tables of its io_uring instances: it holds them without a descriptor. For one thread.</summary>
/// <param name="sockets">What reads the descriptors of processes.</param>
internal sealed class RegisteredSockets(ProcessSockets sockets)
{
    private const int Bound = 65_536;
    private const int Attempts = 3;
    private uint[] registered = [];

    /// <summary>
    /// Reads the tables that the last call of <see cref="ProcessSockets.Read"/> came by. In every pass: what a pass does not find counts as gone. A table that cannot be
    /// read costs what is in it and not the descriptors; it counts as left out.
    /// </summary>
    /// <param name="pid">The process that was read.</param>
    /// <param name="round">The round.</param>
    /// <returns>Their inodes, until the next call.</returns>
    public ReadOnlySpan<uint> Read(int pid, ReadingRound round)
    {
        int count = 0;
        round.CountLeftOut(sockets.RingsLeftOut);
        foreach (int ring in sockets.Rings)
        {
            registered = registered.Length == 0 ? new uint[Bound] : registered;
            count += ReadTable(pid, ring, registered.AsSpan(count), round);
        }

        return registered.AsSpan(0, count);
    }

    private int ReadTable(int pid, int ring, Span<uint> room, ReadingRound round)
    {
        int count = 0;
        try
        {
            // The kernel only tries for the instance's lock: one at work is asked again at once.
            for (int attempt = 1; attempt <= Attempts; attempt++)
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

        round.CountLeftOut(1);
        return count;
    }
}
