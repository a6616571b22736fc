using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Census;

/// <summary>How many sockets are how old, in fixed memory: to the second up to ten minutes, to the minute up to a day.</summary>
internal sealed class AgeCounts
{
    private const int Seconds = 600;
    private const int Minutes = 24 * 60;
    private static readonly SockDiagRequest CloseWait = new(SockDiagRequest.Bit(TcpState.CloseWait), SockDiagRequest.Info);
    private readonly uint[] bySecond = new uint[Seconds];
    private readonly uint[] byMinute = new uint[Minutes + 1];

    /// <summary>The oldest; null where there is none.</summary>
    public TimeSpan? Oldest { get; private set; }

    /// <summary>The ages of the sockets in CLOSE_WAIT. Needs no memory of earlier walks, so it is right after a restart too.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="holders">Told the age of each; null where processes are not looked for.</param>
    public static AgeCounts OfCloseWait(NetlinkSocket socket, SocketHolders? holders)
    {
        var ages = new AgeCounts();
        var dump = new SockDiagDump(socket, CloseWait);
        while (dump.TryRead(out SocketRecord record))
        {
            if (record.TryGetSinceLastSegment(out TimeSpan age))
            {
                ages.Add(age);
                holders?.NoteAge(record.Inode, age);
            }
        }

        return ages;
    }

    public void Add(TimeSpan age)
    {
        Oldest = age <= Oldest ? Oldest : age;
        if (age.TotalSeconds < Seconds)
        {
            bySecond[(int)Math.Max(0, age.TotalSeconds)]++;
        }
        else
        {
            byMinute[(int)Math.Min(Minutes, age.TotalMinutes)]++;
        }
    }

    /// <summary>Sockets that are at least that old; beyond ten minutes to the minute, beyond a day to the day.</summary>
    public ulong CountFrom(TimeSpan age)
    {
        ulong count = 0;
        for (int second = (int)Math.Min(Seconds, Math.Ceiling(age.TotalSeconds)); second < Seconds; second++)
        {
            count += bySecond[second];
        }

        for (int minute = (int)Math.Min(Minutes, Math.Ceiling(age.TotalMinutes)); minute <= Minutes; minute++)
        {
            count += byMinute[minute];
        }

        return count;
    }
}
