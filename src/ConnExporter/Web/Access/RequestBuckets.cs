using ConnExporter.Kernel;

namespace ConnExporter.Web.Access;

/// <summary>Token buckets by client. Their number is bounded: when there are too many, those that are full again go first, then the longest unused.</summary>
internal sealed class RequestBuckets
{
    private readonly TimeSpan interval;
    private readonly int burst;
    private readonly int bound;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly Dictionary<InetAddress, (double Tokens, long At)> buckets = [];

    /// <summary>Buckets that are full at first.</summary>
    /// <param name="interval">A token comes back each interval.</param>
    /// <param name="burst">So many at most.</param>
    /// <param name="bound">Clients remembered at most.</param>
    /// <param name="time">The clock.</param>
    public RequestBuckets(TimeSpan interval, int burst, int bound, TimeProvider time)
    {
        this.interval = interval;
        this.burst = burst;
        this.bound = bound;
        this.time = time;
    }

    /// <summary>Takes a token.</summary>
    /// <param name="client">Whose.</param>
    /// <param name="wait">Where there is none, how long until there is.</param>
    public bool TryTake(InetAddress client, out TimeSpan wait)
    {
        lock (gate)
        {
            double tokens = Tokens(client);
            bool taken = tokens >= 1;
            wait = taken ? TimeSpan.Zero : (1 - tokens) * interval;
            Keep(client, taken ? tokens - 1 : tokens);
            return taken;
        }
    }

    /// <summary>Gives a token back.</summary>
    public void Return(InetAddress client)
    {
        lock (gate)
        {
            Keep(client, Math.Min(burst, Tokens(client) + 1));
        }
    }

    /// <summary>Whether a client has taken nothing lately.</summary>
    public bool IsFull(InetAddress client)
    {
        lock (gate)
        {
            return Tokens(client) >= burst;
        }
    }

    private double Tokens(InetAddress client) =>
        buckets.TryGetValue(client, out (double Tokens, long At) bucket) ? Math.Min(burst, bucket.Tokens + (time.GetElapsedTime(bucket.At) / interval)) : burst;

    private void Keep(InetAddress client, double tokens)
    {
        if (tokens >= burst)
        {
            buckets.Remove(client);
            return;
        }

        if (buckets.Count >= bound && !buckets.ContainsKey(client))
        {
            Shrink();
        }

        buckets[client] = (tokens, time.GetTimestamp());
    }

    // Rare, and many at once: a stranger with many addresses pays for it with as many connections.
    private void Shrink()
    {
        foreach (InetAddress full in buckets.Keys.Where(client => Tokens(client) >= burst).ToList())
        {
            buckets.Remove(full);
        }

        foreach (InetAddress oldest in buckets.OrderBy(bucket => bucket.Value.At).Take(buckets.Count - (bound * 3 / 4)).Select(bucket => bucket.Key).ToList())
        {
            buckets.Remove(oldest);
        }
    }
}
