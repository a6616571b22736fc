using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;

namespace ConnExporter.Sampling.Census;

/// <summary>What is remembered of Unix sockets from look to look: peaks of queues, how long they were seen full, how long a datagram was seen unread. By socket; for one thread.</summary>
internal sealed class UnixHistory
{
    /// <summary>Sockets that are followed at most: those with an empty queue that never had another are not.</summary>
    public const int Bound = 4096;

    private readonly Dictionary<ulong, Followed> sockets = [];
    private uint round;
    private TimeSpan now;
    private long began;

    /// <summary>Sockets that found no room in this look.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsEmpty => sockets.Count == 0;

    /// <summary>Those that are followed and were seen in this look.</summary>
    public IEnumerable<Followed> Open => sockets.Values.Where(socket => socket.Round == round);

    /// <summary>Receivers that are followed, as they were when receivers were looked at last.</summary>
    public IEnumerable<Followed> Receiving => sockets.Values.Where(socket => socket.IsReceiver);

    /// <summary>When receivers were looked at last, by the monotonic clock; null before the first time.</summary>
    public long? ReceiversAt { get; set; }

    /// <summary>How many receivers there were then.</summary>
    public int Receivers { get; set; }

    /// <summary>Starts a look.</summary>
    public void Begin(TimeProvider time)
    {
        if (round++ == 0)
        {
            began = time.GetTimestamp();
        }

        now = time.GetElapsedTime(began);
        LeftOut = 0;
    }

    /// <summary>Takes note of a socket. One whose queue is empty, and always was, is not kept.</summary>
    /// <param name="socket">The socket, which has a name.</param>
    /// <param name="queue">Of a listener connections that wait; of a receiver the bytes of its first datagram.</param>
    /// <param name="limit">Of a listener, the most that may wait without being full; null for a receiver.</param>
    public void Add(in UnixSocketRecord socket, uint queue, uint? limit)
    {
        if (!sockets.TryGetValue(socket.Cookie, out Followed? known))
        {
            if (queue == 0)
            {
                return;
            }

            if (sockets.Count >= Bound)
            {
                LeftOut++;
                return;
            }

            known = new Followed(socket.Name.ToArray(), socket.Inode, socket.File, socket.Kind);
            sockets.Add(socket.Cookie, known);
        }

        known.Take(queue, limit, now, round);
    }

    /// <summary>Forgets the sockets that are closed, and those that have had nothing to tell for as long as peaks last.</summary>
    /// <param name="all">Whether every one that is there was looked at; else those of the kind that was not looked at stay.</param>
    public void End(Func<Followed, bool> all)
    {
        foreach ((ulong cookie, Followed socket) in sockets)
        {
            if (all(socket) && (socket.Round != round || socket.IsQuiet))
            {
                sockets.Remove(cookie);
            }
        }
    }

    /// <summary>One socket.</summary>
    internal sealed class Followed(byte[] name, uint inode, UnixSocketFile? file, byte kind)
    {
        private readonly PeakWindow peaks = new();
        private string? text;
        private TimeSpan seenAt;

        /// <summary>Its name as the kernel has it.</summary>
        public ReadOnlySpan<byte> RawName => name;

        /// <summary>Its name as <c>ss</c> shows it: a path, or an abstract name behind an @.</summary>
        public string Name => text ??= Visible.Of(Utf8Text.Of(name).Replace('\0', '@'));

        public uint Inode => inode;

        public UnixSocketFile? File => file;

        /// <summary>Whether it takes datagrams; else it listens.</summary>
        public bool IsReceiver => kind == UnixSocketRecord.Datagram;

        public uint Queue { get; private set; }

        public uint? Limit { get; private set; }

        public uint Peak => peaks.Peak;

        public uint Round { get; private set; }

        /// <summary>Whether a receiver's queue is full, where that was asked; null where it was not, or could not be.</summary>
        public bool? IsFull { get; set; }

        /// <summary>In how many looks without a break a receiver was full.</summary>
        public int FullLooks { get; set; }

        /// <summary>For how long without a break it has been seen full, or a receiver with something unread: from the first look to the newest.</summary>
        public TimeSpan Lasting { get; private set; }

        /// <summary>For how long a listener was seen full in all.</summary>
        public TimeSpan Total { get; private set; }

        /// <summary>Whether its queue has been empty for as long as peaks last, and it was never seen full for longer than a look.</summary>
        public bool IsQuiet => Queue == 0 && Peak == 0 && Total == TimeSpan.Zero;

        public void Take(uint queue, uint? limit, TimeSpan now, uint round)
        {
            bool was = Round != 0 && Holds(Queue, Limit);
            (Queue, Limit) = (queue, limit);
            peaks.Add(now, queue);
            TimeSpan since = was && Holds(queue, limit) ? now - seenAt : TimeSpan.Zero;
            Lasting = since > TimeSpan.Zero ? Lasting + since : TimeSpan.Zero;
            Total += limit is null ? TimeSpan.Zero : since;
            Round = round;
            seenAt = now;
        }

        // A listener's queue holds one more than its limit (net/unix/af_unix.c:unix_recvq_full).
        private static bool Holds(uint queue, uint? limit) => limit is { } most ? queue > most : queue > 0;
    }
}
