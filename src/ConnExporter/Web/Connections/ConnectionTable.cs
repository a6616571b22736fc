using ConnExporter.Kernel;

namespace ConnExporter.Web.Connections;

/// <summary>
/// The open connections. It says who is let in when there are as many as there may be, and closes those that hold a place without using it.
/// A client that is connected and is being answered keeps its place.
/// </summary>
internal sealed class ConnectionTable
{
    /// <summary>A connection without a request is closed after this time.</summary>
    public static readonly TimeSpan SilentFor = TimeSpan.FromSeconds(5);

    /// <summary>One whose peer reads next to nothing of an answer, after this time.</summary>
    public static readonly TimeSpan SlowFor = TimeSpan.FromSeconds(7);

    /// <summary>So much in that time is slow, but not too slow: about 9 kB/s.</summary>
    private const ulong ProgressBytes = 64 * 1024;

    // A client needs a moment from its connection to its first request; nobody has to make place before.
    private static readonly TimeSpan GraceOfNewcomers = TimeSpan.FromSeconds(1);

    private readonly int bound;
    private readonly int boundPerClient;
    private readonly TimeProvider time;
    private readonly WebCounters counters;
    private readonly Lock gate = new();
    private readonly HashSet<TrackedConnection> open = [];
    private readonly Dictionary<InetAddress, int> clients = [];

    public ConnectionTable(int bound, int boundPerClient, WebCounters counters, TimeProvider time)
    {
        this.bound = bound;
        this.boundPerClient = boundPerClient;
        this.counters = counters;
        this.time = time;
    }

    /// <summary>How many are open.</summary>
    public int Count
    {
        get
        {
            lock (gate)
            {
                return open.Count;
            }
        }
    }

    /// <summary>Says whether one more connection of a client is let in; where there is no place, another that deserves it less is closed.</summary>
    /// <param name="client">Whose.</param>
    /// <param name="isTcp">Whether it came over the network: those of a Unix socket have no address to be told apart by.</param>
    public bool MakePlace(InetAddress client, bool isTcp)
    {
        TrackedConnection? victim = null;
        lock (gate)
        {
            int own = clients.GetValueOrDefault(client);
            if (isTcp && own >= boundPerClient)
            {
                victim = LeastDeserving(open.Where(connection => connection.Client == client));
                if (victim is null)
                {
                    counters.ConnectionsOverClientBound.Add();
                    return false;
                }
            }
            else if (open.Count >= bound)
            {
                victim = LeastDeserving(open) ?? (open.All(connection => connection.WasAnswered) ? IdlestOfTheGreediest(own + 1) : null);
                if (victim is null)
                {
                    counters.ConnectionsOverBound.Add();
                    return false;
                }
            }

            if (victim is not null)
            {
                Forget(victim);
            }
        }

        if (victim is not null)
        {
            counters.ConnectionsGivenUp.Add();
            victim.Abort("another client needs the place");
        }

        return true;
    }

    /// <summary>Takes in a connection that has a place.</summary>
    public void Add(TrackedConnection connection)
    {
        lock (gate)
        {
            open.Add(connection);
            clients[connection.Client] = clients.GetValueOrDefault(connection.Client) + 1;
        }
    }

    /// <summary>A connection is closed.</summary>
    public void Remove(TrackedConnection connection)
    {
        lock (gate)
        {
            Forget(connection);
        }
    }

    /// <summary>Closes what is silent or too slow. To be called about once a second.</summary>
    public void Watch()
    {
        List<TrackedConnection> all;
        lock (gate)
        {
            all = [.. open];
        }

        foreach (TrackedConnection connection in all.Where(connection => connection.ClosedFor is null))
        {
            if (!connection.HasAsked && time.GetElapsedTime(connection.AcceptedAt) > SilentFor)
            {
                counters.ConnectionsSilent.Add();
                connection.Abort("no request came");
            }
            else if (connection.HasAsked && IsTooSlow(connection))
            {
                counters.ConnectionsSlow.Add();
                connection.Abort("the answer is not read");
            }
        }
    }

    // The page may lie in the kernel's buffers, where the web server's own limits on slow readers do not see it.
    private bool IsTooSlow(TrackedConnection connection)
    {
        if (!connection.IsTcp || !SendState.TryRead(connection.Socket, out SendState sent))
        {
            return false;
        }

        if (!sent.IsOutstanding || sent.Acknowledged - connection.Progress.Acknowledged >= ProgressBytes)
        {
            connection.Progress = (time.GetTimestamp(), sent.Acknowledged);
            return false;
        }

        return time.GetElapsedTime(connection.Progress.At) > SlowFor;
    }

    private TrackedConnection? LeastDeserving(IEnumerable<TrackedConnection> candidates) => candidates
        .Where(connection => !connection.WasAnswered && time.GetElapsedTime(connection.AcceptedAt) > GraceOfNewcomers)
        .MinBy(connection => connection.AcceptedAt);

    // Everybody has been answered: who holds the most gives one of them, unless the newcomer would then hold as many.
    private TrackedConnection? IdlestOfTheGreediest(int newcomers)
    {
        (InetAddress client, int most) = clients.MaxBy(entry => entry.Value);
        return most > newcomers ? open.Where(connection => connection.Client == client).MinBy(connection => connection.LastRequest) : null;
    }

    private void Forget(TrackedConnection connection)
    {
        if (!open.Remove(connection))
        {
            return;
        }

        int left = clients[connection.Client] - 1;
        if (left == 0)
        {
            clients.Remove(connection.Client);
        }
        else
        {
            clients[connection.Client] = left;
        }
    }
}
