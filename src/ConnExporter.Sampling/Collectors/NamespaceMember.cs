using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Sampling.Collectors;

/// <summary>What is remembered of one other network namespace: a few hundred bytes, and readings while it is on the page or near to it.</summary>
internal sealed class NamespaceMember
{
    /// <summary>Turns that a good reading outlives failing ones.</summary>
    private const int KeptTurns = 3;

    /// <summary>Rounds that a namespace counts as troubled after an accept queue of its overflowed: ten minutes as a rule.</summary>
    private const uint TroubledRounds = 40;

    /// <summary>Rounds after which one in which nothing has happened is walked all the same.</summary>
    private const uint UnchangedRounds = 8;

    private const double WeightOfTroubled = 8;
    private const double WeightOfShown = 4;

    private ListenerHistory? listeners;
    private ConntrackMemory? conntrack;
    private CensusMemory? census;
    private UnixHistory? unix;
    private UdpReceivers? udp;
    private uint detailsAt;
    private int lastSeen;
    private int failedTurns;
    private ulong? overflows;
    private uint? troubledAt;

    public required NamespaceEntry Entry { get; set; }

    /// <summary>The round it was last found in.</summary>
    public uint Round { get; set; }

    /// <summary>The round it was last looked at; 0 before the first.</summary>
    public uint LookedAt { get; private set; }

    /// <summary>The round its sockets were last walked; 0 before the first, and where it was empty since.</summary>
    public uint WalkedAt { get; private set; }

    public bool IsDenied { get; set; }

    /// <summary>Whether something is known of it that is not too old.</summary>
    public bool IsRead { get; private set; }

    public bool IsShown { get; set; }

    public bool IsShownInFull { get; set; }

    /// <summary>Sockets at the last look.</summary>
    public ulong Sockets { get; private set; }

    /// <summary>Sockets of other families then, Unix sockets among them.</summary>
    public ulong Others { get; private set; }

    /// <summary>Listeners that had rows at the last walk.</summary>
    public int Listeners { get; private set; }

    /// <summary>Whether anything has happened in it since its sockets were last walked.</summary>
    public bool HasChanged { get; private set; }

    /// <summary>The newest good ones; null where they are not kept.</summary>
    public NamespaceReadings? Readings { get; private set; }

    public bool IsTroubled(uint round) => troubledAt is { } at && round - at < TroubledRounds;

    /// <summary>The longer ago its last look, the more urgent; those on the page and those in trouble more than others.</summary>
    public double UrgencyToLook(uint round) => LookedAt == 0 ? double.MaxValue : (round - LookedAt) * Weight(round);

    /// <summary>The same for a walk.</summary>
    public double UrgencyToWalk(uint round) => WalkedAt == 0 ? double.MaxValue : (round - WalkedAt) * Weight(round);

    public bool IsDueForWalk(uint round) => Sockets > 0 && LookedAt > 0 && (WalkedAt == 0 || HasChanged || IsShownInFull || round - WalkedAt >= UnchangedRounds);

    /// <summary>Looks how many sockets it has, and what has happened where it has or had any, or is on the page.</summary>
    public KernelReadException? Look(NamespaceCollectors collectors, CollectContext context, uint round, NamespaceBounds bounds)
    {
        bool isFirst = LookedAt == 0;
        LookedAt = round;
        (ulong InUse, ulong TimeWait, ulong Udp, ulong All) totals;
        try
        {
            totals = collectors.ReadTotals();
        }
        catch (KernelReadException e)
        {
            return Fail(e);
        }

        bool wasEmpty = Sockets == 0;
        Sockets = totals.InUse + totals.TimeWait + totals.Udp;
        Others = totals.All - Math.Min(totals.All, totals.InUse + totals.Udp);
        if (Sockets == 0 && Others == 0 && wasEmpty && IsRead && !IsShown)
        {
            failedTurns = 0;
            return null;
        }

        NamespaceReadings readings = Sockets > 0 && Readings is { } known ? known.Copy() : new NamespaceReadings();
        readings.LookedAt = context.Time.GetTimestamp();
        collectors.ReadCounters(context, readings);
        int seen = HashCode.Combine(totals, readings.Counters?.Fingerprint);
        HasChanged |= seen != lastSeen;
        lastSeen = seen;
        bool overflowed = !isFirst && readings.Counters?.ListenOverflows > overflows;
        overflows = readings.Counters?.ListenOverflows ?? overflows;
        troubledAt = overflowed ? round : troubledAt;
        if (Sockets == 0)
        {
            readings.States = new StatesReading(context.Namespace, StatesReading.NoSockets, StatesReading.SockDiag);
            readings.WalkedAt = readings.LookedAt;
            (WalkedAt, HasChanged, Listeners, listeners, census) = (0, false, 0, null, null);
        }

        // Unix sockets are no reason for a walk, and those that are full show twice or not at all.
        if (Sockets > 0 ? IsShownInFull || overflowed : Others > 0 && (IsShownInFull || isFirst))
        {
            ReadDetails(collectors, context, round, readings, bounds);
        }

        return Take(readings);
    }

    /// <summary>Reads everything.</summary>
    public KernelReadException? Walk(NamespaceCollectors collectors, CollectContext context, uint round, NamespaceBounds bounds)
    {
        NamespaceReadings readings = Readings?.Copy() ?? new NamespaceReadings();
        (WalkedAt, HasChanged) = (round, false);
        if (detailsAt != round)
        {
            ReadDetails(collectors, context, round, readings, bounds);
        }

        census ??= new CensusMemory();
        census.Stalled.Bound = bounds.Sockets;
        udp ??= new UdpReceivers();
        collectors.Walk(context, readings, census, udp);
        readings.WalkedAt = context.Time.GetTimestamp();
        return Take(readings);
    }

    /// <summary>Takes note that it could not be looked at.</summary>
    public KernelReadException Fail(KernelReadException e)
    {
        if (++failedTurns >= KeptTurns)
        {
            IsRead = false;
            Readings = null;
        }

        return e;
    }

    /// <summary>The same before it could even be entered.</summary>
    public KernelReadException Refuse(KernelReadException e, uint round)
    {
        LookedAt = round;
        return Fail(e);
    }

    /// <summary>Keeps the readings that its place among the others asks for.</summary>
    /// <param name="inFull">Whether all of them.</param>
    /// <param name="any">Whether any.</param>
    public void Keep(bool inFull, bool any)
    {
        Readings = !any ? null : inFull || Readings is not { IsFull: true } ? Readings : Readings.Brief();
        if (inFull)
        {
            return;
        }

        listeners?.Trim();
        listeners = listeners is { IsEmpty: true } ? null : listeners;
        unix = unix is { IsEmpty: true } ? null : unix;
        udp = udp is { IsEmpty: true } ? null : udp;
        if (census is not null)
        {
            census.Destinations = [];
            census = census.IsEmpty ? null : census;
        }
    }

    private void ReadDetails(NamespaceCollectors collectors, CollectContext context, uint round, NamespaceReadings readings, NamespaceBounds bounds)
    {
        detailsAt = round;
        listeners ??= new ListenerHistory();
        listeners.Bound = bounds.Listeners;
        conntrack ??= new ConntrackMemory();
        unix ??= new UnixHistory();
        collectors.ReadDetails(context, readings, listeners, conntrack, unix);
        Listeners = readings.Listeners?.Rows.Length ?? 0;
        troubledAt = readings.Listeners?.HasFullQueue == true ? round : troubledAt;
    }

    private KernelReadException? Take(NamespaceReadings readings)
    {
        if (readings.States is null && readings.Counters is null)
        {
            return readings.Failure is { } failure ? Fail(failure) : null;
        }

        failedTurns = 0;
        IsRead = true;
        Readings = readings;
        return readings.Failure;
    }

    private double Weight(uint round) => IsTroubled(round) ? WeightOfTroubled : IsShown ? WeightOfShown : 1;
}

/// <summary>How much may be remembered of each of them: the more there are, the less.</summary>
/// <param name="Listeners">Listeners with drops or a peak.</param>
/// <param name="Sockets">Sockets with something unread.</param>
internal readonly record struct NamespaceBounds(int Listeners, int Sockets)
{
    private const int AllListeners = 16_384;
    private const int LeastListeners = 16;
    private const int AllSockets = 65_536;
    private const int LeastSockets = 64;

    /// <summary>The bounds of each of so many that have sockets.</summary>
    public static NamespaceBounds Of(int namespaces) => new(
        Math.Clamp(AllListeners / Math.Max(1, namespaces), LeastListeners, ListenerHistory.DefaultBound),
        Math.Clamp(AllSockets / Math.Max(1, namespaces), LeastSockets, StalledSockets.DefaultBound));
}
