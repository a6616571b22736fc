using System.Runtime.InteropServices;
using ConnExporter.Kernel;

namespace ConnExporter.Sampling.Collectors;

/// <summary>What is remembered of the listeners of one network namespace from dump to dump: peaks of the last minute, and drops. For one thread.</summary>
/// <remarks>
/// Drops are followed by socket (cookie) and added up, so that they do not fall when a member of a group closes. Bounded: beyond
/// <see cref="Bound"/> the listeners that have something to tell go before those that have not, and what is left out is counted.
/// </remarks>
/// <param name="family">The family of series that what is left out is counted with.</param>
internal sealed class ListenerHistory(string family = "conn_listener_accept_queue")
{
    /// <summary>Listeners that are followed where nothing else is asked for: 2 MB at most.</summary>
    public const int DefaultBound = 8192;

    /// <summary>Closed listeners whose drop counts are remembered, should they come back.</summary>
    private const int Remembered = 1024;

    /// <summary>
    /// Rounds that the drops of a socket are remembered after it was last seen. A dump is no snapshot and can miss one
    /// (docs/kernel-facts.md §1), which must not be counted from its birth again when it is back.
    /// </summary>
    private const uint MissedRounds = 8;

    private readonly Dictionary<ulong, Drops> dropsByCookie = [];
    private readonly Dictionary<(InetAddress Address, ushort Port, uint Interface), Listener> listeners = [];
    private readonly List<Listener> open = [];
    private uint round;
    private ulong made;
    private long began;

    /// <summary>How many listeners, and how many sockets with drops, are followed at most.</summary>
    public int Bound { get; set; } = DefaultBound;

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsEmpty => listeners.Count == 0 && dropsByCookie.Count == 0;

    /// <summary>Takes in a whole dump.</summary>
    /// <param name="members">The listening sockets.</param>
    /// <param name="shown">Rows at most, the fullest.</param>
    /// <param name="context">Is told of those that have none.</param>
    /// <returns>The rows, by port.</returns>
    public ListenersReading.Row[] Take(List<ListenerMember> members, int shown, CollectContext context)
    {
        if (round++ == 0)
        {
            began = context.Time.GetTimestamp();
        }

        int unfollowed = Take(CollectionsMarshal.AsSpan(members), context.Time.GetElapsedTime(began));
        Forget(members.Count);
        return Rows(shown, unfollowed, members.TrueForAll(member => member.Drops is not null), context);
    }

    /// <summary>Forgets the listeners of which there is nothing to remember.</summary>
    public void Trim()
    {
        foreach (((InetAddress, ushort, uint) key, Listener listener) in listeners)
        {
            if (listener is { Drops: 0, Peaks: null })
            {
                listeners.Remove(key);
            }
        }

        open.Clear();
        open.TrimExcess();
        listeners.TrimExcess();
        dropsByCookie.TrimExcess();
    }

    // Sockets whose address is not followed.
    private int Take(ReadOnlySpan<ListenerMember> members, TimeSpan now)
    {
        int waiting = 0;
        bool isFull = false;
        foreach (ref readonly ListenerMember member in members)
        {
            if (Find(member) is { } listener)
            {
                Add(listener, member);
            }
            else
            {
                isFull = true;
                waiting++;
            }
        }

        if (isFull)
        {
            waiting = MakeRoom(members);
        }

        foreach (Listener listener in listeners.Values)
        {
            if (listener.Round == round && (listener.Queue > 0 || listener.Peaks is not null))
            {
                listener.Peaks ??= new PeakWindow();
                listener.Peaks.Add(now, listener.Queue);
                listener.Peaks = listener.Peaks.Peak > 0 ? listener.Peaks : null;
            }
        }

        return waiting;
    }

    // More listeners than are followed: those with a queue or drops take the places of closed and idle ones.
    private int MakeRoom(ReadOnlySpan<ListenerMember> members)
    {
        var idle = new Stack<(InetAddress, ushort, uint)>();
        foreach (((InetAddress, ushort, uint) key, Listener listener) in listeners)
        {
            if (listener is { Queue: 0, Drops: 0 } || listener.Round != round)
            {
                idle.Push(key);
            }
        }

        int unfollowed = 0;
        foreach (ref readonly ListenerMember member in members)
        {
            if (listeners.TryGetValue((member.Address, member.Port, member.Interface), out Listener? known) && known.Round == round)
            {
                continue;
            }

            if (member is { Queue: 0, Drops: null or 0 } || !idle.TryPop(out (InetAddress, ushort, uint) victim))
            {
                unfollowed++;
                continue;
            }

            listeners.Remove(victim, out Listener? displaced);
            unfollowed += displaced!.Round == round ? 1 : 0;
            Add(Find(member)!, member);
        }

        return unfollowed;
    }

    private Listener? Find(in ListenerMember member)
    {
        if (!listeners.TryGetValue((member.Address, member.Port, member.Interface), out Listener? listener) && listeners.Count < Bound)
        {
            listener = new Listener(member.Address, member.Port, member.Interface, ++made);
            listeners.Add((member.Address, member.Port, member.Interface), listener);
        }

        return listener;
    }

    private void Add(Listener listener, in ListenerMember member)
    {
        listener.Add(member.Queue, member.Limit, round);
        listener.Drops += DropsSince(member);
    }

    // A socket seen for the first time counts from its birth: after a restart of this daemon the counter goes on where it was.
    private ulong DropsSince(in ListenerMember member)
    {
        if (member.Drops is not { } drops || (drops == 0 && !dropsByCookie.ContainsKey(member.Cookie)))
        {
            return 0;
        }

        if (dropsByCookie.Count >= Bound && !dropsByCookie.ContainsKey(member.Cookie))
        {
            // Its rises cannot be told from what it had before: rather too few than counted again and again.
            return 0;
        }

        ref Drops known = ref CollectionsMarshal.GetValueRefOrAddDefault(dropsByCookie, member.Cookie, out _);
        uint increase = unchecked(drops - known.Count);
        known = new Drops(drops, round);
        return increase;
    }

    private void Forget(int members)
    {
        if (dropsByCookie.Count > members || dropsByCookie.Count >= Bound)
        {
            foreach ((ulong cookie, Drops drops) in dropsByCookie)
            {
                if (round - drops.Round > MissedRounds)
                {
                    dropsByCookie.Remove(cookie);
                }
            }
        }

        int closed = listeners.Count;
        foreach (Listener listener in listeners.Values)
        {
            closed -= listener.Round == round ? 1 : 0;
        }

        if (closed > Math.Min(Remembered, Bound))
        {
            foreach (((InetAddress, ushort, uint) key, _) in listeners.Where(entry => entry.Value.Round != round).OrderBy(entry => entry.Value.Round).Take(closed - Math.Min(Remembered, Bound)).ToList())
            {
                listeners.Remove(key);
            }
        }
    }

    private ListenersReading.Row[] Rows(int shown, int unfollowed, bool withDrops, CollectContext context)
    {
        open.Clear();
        foreach (Listener listener in listeners.Values)
        {
            if (listener.Round == round)
            {
                open.Add(listener);
            }
        }

        int hidden = Math.Max(0, open.Count - shown);
        context.Drop(family, hidden + unfollowed);
        if (hidden > 0)
        {
            open.Sort(FullestFirst);
            open.RemoveRange(shown, hidden);
        }

        open.Sort(ByPort);
        var rows = new ListenersReading.Row[open.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            Listener listener = open[i];
            rows[i] = new(listener.AddressText, listener.PortText, listener.Queue, listener.Limit, listener.Peaks?.Peak ?? 0, withDrops ? listener.Drops : null);
        }

        return rows;
    }

    private static int ByPort(Listener a, Listener b)
    {
        int order = a.Port.CompareTo(b.Port);
        return order != 0 ? order : string.CompareOrdinal(a.AddressText, b.AddressText);
    }

    // The older first where nothing else tells them apart, so that rows stay.
    private static int FullestFirst(Listener a, Listener b)
    {
        int order = b.Fullness.CompareTo(a.Fullness);
        order = order != 0 ? order : b.Drops.CompareTo(a.Drops);
        return order != 0 ? order : a.Number.CompareTo(b.Number);
    }

    private readonly record struct Drops(uint Count, uint Round);

    private sealed class Listener(InetAddress address, ushort port, uint networkInterface, ulong number)
    {
        private string? addressText;
        private string? portText;

        public ushort Port { get; } = port;

        /// <summary>Made for those that have a row.</summary>
        public string AddressText => addressText ??= NetworkInterface.Scoped(address, networkInterface);

        public string PortText => portText ??= Port.ToString();

        /// <summary>In the order in which they were first seen.</summary>
        public ulong Number { get; } = number;

        public uint Queue { get; private set; }

        public uint? Limit { get; private set; }

        public ulong Drops { get; set; }

        public uint Round { get; private set; }

        /// <summary>Null where its queue has been empty for as long as peaks are remembered.</summary>
        public PeakWindow? Peaks { get; set; }

        // The queue holds one more than its limit (net/core/sock.c, sk_acceptq_is_full).
        public double Fullness => FullnessOf(Queue, Limit);

        public void Add(uint queue, uint? limit, uint round)
        {
            if (Round != round || FullnessOf(queue, limit) > Fullness)
            {
                (Queue, Limit) = (queue, limit);
            }

            Round = round;
        }

        // Of unknown limits the longest queue is the fullest.
        private static double FullnessOf(uint queue, uint? limit) => queue / ((limit ?? 0) + 1.0);
    }
}
