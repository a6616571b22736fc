using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Census;

/// <summary>
/// Whether connections to a destination have TCP timestamps, without which none of its TIME_WAIT sockets can be taken over. TIME_WAIT does not tell;
/// living sockets to the same destination do, by INET_DIAG_INFO, and are remembered for a while. Bounded. One object a network namespace.
/// </summary>
internal sealed class PeerTimestamps
{
    // A lock each: a few tell as much as all.
    private const int Enough = 64;
    private const int Remembered = 64;

    // A TIME_WAIT socket lasts a minute; a peer changes its settings less often than that.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);
    private const uint Living = SockDiagRequest.AllStates & ~((1u << (int)TcpState.TimeWait) | (1u << (int)TcpState.Listen) | (1u << (int)TcpState.SynSent) | (1u << (int)TcpState.SynRecv) | (1u << 12) | (1u << (int)TcpState.Close));

    private readonly Dictionary<Target, Seen> known = [];

    /// <summary>Whether nothing is known.</summary>
    public bool IsEmpty => known.Count == 0;

    /// <summary>Whether there is an answer that is new enough.</summary>
    public bool Knows(in Destination destination, TimeSpan now) => known.TryGetValue(new Target(destination.Address, destination.Port), out Seen seen) && now - seen.At < Lifetime;

    /// <summary>Asks the living sockets. Where there are none, what was known before stays.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="destination">Whom they are connected to.</param>
    /// <param name="now">Monotonic time.</param>
    /// <returns>False where the dump was left half read: the socket is of no further use.</returns>
    public bool Ask(NetlinkSocket socket, in Destination destination, TimeSpan now)
    {
        bool with = false;
        bool without = false;
        int read = 0;
        var dump = new SockDiagDump(socket, new SockDiagRequest(Living, SockDiagRequest.Info) { To = [(destination.Address, destination.Port)] });
        while (read < Enough && dump.TryRead(out SocketRecord record))
        {
            // The kernel has filtered; one that does not know the filter must not mislead.
            if (record.RemotePort == destination.Port && record.RemoteAddress == destination.Address && record.IsFullSocket && record.TryGetTimestamps(out bool timestamps))
            {
                read++;
                with |= timestamps;
                without |= !timestamps;
            }
        }

        if (with || without)
        {
            if (known.Count >= Remembered)
            {
                known.Remove(known.MinBy(pair => pair.Value.At).Key);
            }

            known[new Target(destination.Address, destination.Port)] = new Seen(with, without, now);
        }

        return read < Enough;
    }

    /// <summary>What is known.</summary>
    /// <param name="destination">Whom connections are made to.</param>
    /// <param name="ownTimestamps">Whether <c>net.ipv4.tcp_timestamps</c> is on here.</param>
    /// <param name="now">Monotonic time.</param>
    /// <returns>Whether they have timestamps; null where nothing shows it, or both were seen.</returns>
    public bool? Of(in Destination destination, bool ownTimestamps, TimeSpan now)
    {
        if (known.TryGetValue(new Target(destination.Address, destination.Port), out Seen seen) && now - seen.At < Lifetime)
        {
            return seen.With == seen.Without ? null : seen.With;
        }

        // Without them here there are none. Where both ends are this host's, one setting governs both.
        return !ownTimestamps ? false : destination.Address.IsLoopback || destination.Address == destination.Source ? true : null;
    }

    private readonly record struct Seen(bool With, bool Without, TimeSpan At);
}
