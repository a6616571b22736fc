using System.Collections.Immutable;
using ConnExporter.Configuration;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Proc;
using ConnExporter.Metrics;
using ConnExporter.Sampling;

namespace ConnExporter.Collectors;

/// <summary>
/// The other network namespaces, read in turn by the collectors that read our own: from inside where the kernel lets us in, else from
/// <c>/proc/PID/net</c>, which shows counters and, socket by socket, the states.
/// </summary>
/// <remarks>
/// Nothing stays open between two turns: a descriptor or a socket would keep a namespace alive that everybody else has left
/// (docs/kernel-facts.md §7). A namespace without sockets is not walked; the walk over the others costs as much as all sockets of the host,
/// so that a round ends when it has taken its share of CPU time, and the next goes on where it ended.
/// </remarks>
internal sealed class NamespacesCollector : Collector
{
    /// <summary>Namespaces that one round reads; the others' turn is the next.</summary>
    public const int ReadEachRound = 256;

    /// <summary>Namespaces on the page, the troubled and fullest first.</summary>
    public const int Shown = 96;

    /// <summary>Those of them that are shown in full.</summary>
    public const int ShownInFull = 16;

    /// <summary>Listeners of each of these.</summary>
    public const int ListenersShown = 8;

    private static readonly CensusOptions InBrief = new(Top: 5, Destinations: 5, Keys: 8192, FoldV4: 32, FoldV6: 128, IdleAges: false);

    /// <summary>Sockets of a namespace that cannot be entered beyond which its states are not read: a line of text for each takes 2 µs.</summary>
    public const int TableLimit = 20_000;

    /// <summary>Turns that a good reading outlives failing ones.</summary>
    private const int KeptTurns = 3;

    /// <summary>Rounds that a namespace counts as troubled after an accept queue of its overflowed: ten minutes as a rule.</summary>
    private const uint TroubledRounds = 40;

    /// <summary>How much fuller another must be to take the place of one that is shown in full.</summary>
    private const double Sticky = 1.25;

    /// <summary>CPU time after which a round begins no further namespace.</summary>
    private static readonly TimeSpan CpuBudget = TimeSpan.FromMilliseconds(250);

    private readonly KernelSource kernel;
    private readonly NamespaceScope scope;
    private readonly NamespaceTable table;
    private readonly NamespaceThread thread;
    private readonly Func<string, ulong, Action, TimeSpan> enter;
    private readonly Dictionary<(ulong Id, string Name), Member> members = [];
    private uint round;

    public NamespacesCollector(KernelSource kernel, NamespaceScope scope)
        : this(kernel, scope, enter: null)
    {
    }

    /// <summary>Reads what a test plays.</summary>
    /// <param name="kernel">Where to read.</param>
    /// <param name="scope">Which others are read.</param>
    /// <param name="enter">Does the work inside the namespace at a path and tells its CPU time; a test plays it.</param>
    internal NamespacesCollector(KernelSource kernel, NamespaceScope scope, Func<string, ulong, Action, TimeSpan>? enter)
    {
        this.kernel = kernel;
        this.scope = scope;
        table = new NamespaceTable(kernel.Proc);
        thread = new NamespaceThread(kernel.Proc.PathOf("self/ns/net"));
        this.enter = enter ?? thread.Run;
    }

    public override Reading Collect(CollectContext context)
    {
        if (scope == NamespaceScope.Host)
        {
            return NamespacesReading.None;
        }

        round++;
        Find();
        int lost = thread.Lost;
        string? failure = null;
        KernelReadException? denial = null;
        TimeSpan spent = TimeSpan.Zero;
        int read = 0;
        foreach (Member member in members.Values.OrderBy(member => member.Turn).ThenBy(member => member.Entry.Id).ToList())
        {
            if (read++ == ReadEachRound || spent > CpuBudget)
            {
                break;
            }

            context.Answered();
            spent += Read(member, context, ref failure, ref denial);
        }

        if (scope == NamespaceScope.All && denial is not null && members.Values.All(member => member.IsDenied || member.Turn == 0))
        {
            throw denial;
        }

        context.Note(thread.Lost > lost ? "a thread could not return from another network namespace and was given up"
            : denial is not null ? $"{NamespaceThread.Needs}; of those that cannot be entered the page shows what /proc/PID/net tells"
            : failure);
        return Read(context);
    }

    public override void Close()
    {
        table.Dispose();
        thread.Dispose();
        foreach (Member member in members.Values)
        {
            member.Dispose();
        }
    }

    private void Find()
    {
        foreach (NamespaceEntry entry in table.Find())
        {
            if (!members.TryGetValue((entry.Id, entry.Name), out Member? member))
            {
                member = new Member();
                members.Add((entry.Id, entry.Name), member);
            }

            member.Entry = entry;
            member.Round = round;
        }

        foreach (((ulong, string) key, Member member) in members)
        {
            if (member.Round != round)
            {
                member.Dispose();
                members.Remove(key);
            }
        }
    }

    private TimeSpan Read(Member member, CollectContext context, ref string? failure, ref KernelReadException? denial)
    {
        bool isNew = member.Turn == 0;
        member.Turn = round;
        CollectContext part = context.ForPart();
        TimeSpan spent = TimeSpan.Zero;
        var readings = new Readings();
        try
        {
            if (member.Entry.Path is { } path)
            {
                spent = enter(path, member.Entry.Id, () => member.ReadInside(kernel, part, readings));
                context.Spend(spent);
                member.IsDenied = false;
            }
            else
            {
                denial ??= new KernelReadException(FailureKind.Denied, "denied", $"{kernel.Proc.PathOf($"{member.Entry.ProcessId}/ns/net")}: not permitted: {NamespaceThread.Needs}");
                member.IsDenied = true;
            }
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Denied)
        {
            denial ??= e;
            member.IsDenied = true;
        }
        catch (KernelReadException e)
        {
            // Gone, as a rule: the next round knows.
            readings.Failure ??= e;
        }

        if (member.IsDenied)
        {
            TimeSpan before = ThreadClock.CpuTime();
            member.ReadOutside(kernel, part, readings);
            spent += ThreadClock.CpuTime() - before;
        }

        if (readings.Failure is { Kind: not FailureKind.Absent } broken)
        {
            failure ??= $"{member.Entry.Name}: {broken.Message}";
        }

        member.Take(readings, round, isNew);
        return spent;
    }

    private NamespacesReading Read(CollectContext context)
    {
        List<Member> worstFirst = [.. members.Values.Where(member => member.Readings is not null)
            .OrderByDescending(member => member.TroubledAt is { } at && round - at < TroubledRounds)
            .ThenByDescending(member => member.Sockets * (member.IsShownInFull ? Sticky : 1))
            .ThenBy(member => member.Entry.Id)];
        for (int i = 0; i < worstFirst.Count; i++)
        {
            worstFirst[i].IsShownInFull = i < ShownInFull;
        }

        context.Drop("conn_tcp_sockets", Math.Max(0, worstFirst.Count - Shown) * StatesReading.SocketSeries);
        context.Drop("conn_listener_accept_queue", worstFirst.Skip(ShownInFull).Sum(member => member.Readings!.Listeners?.Rows.Length ?? 0));
        return new NamespacesReading(
            [.. worstFirst.Take(Shown).OrderBy(member => member.Entry.Name, StringComparer.Ordinal).Select(member => new NamespacesReading.Row(member.Entry.Name, member.Readings!, member.IsShownInFull) { ProcessId = member.Entry.ProcessId })],
            members.Count,
            worstFirst.Count,
            members.Values.Count(member => member.IsDenied));
    }

    /// <summary>What one turn read; null where it did not. Filled by one thread, then left alone.</summary>
    internal sealed class Readings
    {
        public StatesReading? States { get; set; }

        public CountersReading? Counters { get; set; }

        public ListenersReading? Listeners { get; set; }

        public PortsReading? Ports { get; set; }

        public ConntrackReading? Conntrack { get; set; }

        public SockStatReading? Limits { get; set; }

        public CensusReading? Census { get; set; }

        /// <summary>The first failure.</summary>
        public KernelReadException? Failure { get; set; }

        public Reading? From(Collector collector, CollectContext context)
        {
            try
            {
                return collector.Collect(context);
            }
            catch (KernelReadException e)
            {
                Failure ??= e;
                return null;
            }
            finally
            {
                collector.Close();
            }
        }
    }

    /// <summary>The collectors of one namespace, for a thread that is in it.</summary>
    private sealed class Inside : IDisposable
    {
        private readonly StatesCollector states;
        private readonly CountersCollector counters;
        private readonly ListenersCollector listeners;
        private readonly PortsCollector ports;
        private readonly ConntrackCollector conntrack;
        private readonly SockStatCollector limits;
        private readonly CensusCollector census;

        public Inside(KernelSource kernel, string name)
        {
            // /proc/net is that of the main thread, which never leaves home.
            KernelSource inside = kernel with { Proc = new ProcFs(kernel.Proc.Root, "thread-self/net"), Namespace = name };
            states = new StatesCollector(inside);
            counters = new CountersCollector(inside);
            listeners = new ListenersCollector(inside, ListenersShown);
            ports = new PortsCollector(inside);
            conntrack = new ConntrackCollector(inside);
            limits = new SockStatCollector(inside);
            census = new CensusCollector(inside, InBrief, names: false);
        }

        public void Read(CollectContext context, Readings readings)
        {
            readings.States = (StatesReading?)readings.From(states, context);
            readings.Counters = (CountersReading?)readings.From(counters, context);
            if (readings.States?.Total == 0)
            {
                return;
            }

            readings.Listeners = (ListenersReading?)readings.From(listeners, context);
            readings.Ports = (PortsReading?)readings.From(ports, context);
            readings.Conntrack = (ConntrackReading?)readings.From(conntrack, context);
            readings.Limits = (SockStatReading?)readings.From(limits, context);
            readings.Census = (CensusReading?)readings.From(census, context);
        }

        public void Dispose()
        {
            states.Dispose();
            counters.Dispose();
            listeners.Dispose();
            ports.Dispose();
            conntrack.Dispose();
            limits.Dispose();
            census.Dispose();
        }
    }

    /// <summary>The collectors of one namespace that can do with <c>/proc/PID/net</c>. Sysctls and sock_diag would be our own namespace's.</summary>
    private sealed class Outside : IDisposable
    {
        private readonly StatesCollector states;
        private readonly CountersCollector counters;

        public Outside(KernelSource kernel, string name, int processId)
        {
            ProcessId = processId;
            KernelSource outside = kernel with
            {
                Proc = new ProcFs(kernel.Proc.Root, $"{processId}/net"),
                Namespace = name,
                OpenSockDiag = () => throw new KernelReadException(FailureKind.Absent, "absent", "sock_diag: only from inside a network namespace"),
            };
            states = new StatesCollector(outside, TableLimit);
            counters = new CountersCollector(outside);
        }

        public int ProcessId { get; }

        public void Read(CollectContext context, Readings readings)
        {
            readings.Counters = (CountersReading?)readings.From(counters, context);
            readings.States = (StatesReading?)readings.From(states, context);
        }

        public void Dispose()
        {
            states.Dispose();
            counters.Dispose();
        }
    }

    private sealed class Member : IDisposable
    {
        private Inside? inside;
        private Outside? outside;
        private int failedTurns;

        public NamespaceEntry Entry { get; set; } = null!;

        /// <summary>The round it was last seen in.</summary>
        public uint Round { get; set; }

        /// <summary>The round it was last read in; 0 before the first.</summary>
        public uint Turn { get; set; }

        public bool IsDenied { get; set; }

        public bool IsShownInFull { get; set; }

        public uint? TroubledAt { get; private set; }

        /// <summary>The newest good ones.</summary>
        public Readings? Readings { get; private set; }

        public ulong Sockets => Readings?.States?.Total ?? 0;

        public void ReadInside(KernelSource kernel, CollectContext context, Readings readings) =>
            (inside ??= new Inside(kernel, Entry.Name)).Read(context, readings);

        public void ReadOutside(KernelSource kernel, CollectContext context, Readings readings)
        {
            if (outside?.ProcessId != Entry.ProcessId)
            {
                outside?.Dispose();
                outside = Entry.ProcessId == 0 ? null : new Outside(kernel, Entry.Name, Entry.ProcessId);
            }

            outside?.Read(context, readings);
        }

        public void Dispose()
        {
            inside?.Dispose();
            outside?.Dispose();
        }

        public void Take(Readings readings, uint round, bool isFirst)
        {
            if (readings.States is null && readings.Counters is null)
            {
                Readings = ++failedTurns >= KeptTurns ? null : Readings;
                return;
            }

            failedTurns = 0;
            bool overflowed = !isFirst && readings.Counters?.ListenOverflows > Readings?.Counters?.ListenOverflows;
            TroubledAt = overflowed || readings.Listeners?.HasFullQueue == true ? round : TroubledAt;
            Readings = readings;
        }
    }
}

/// <summary>The other network namespaces at one time.</summary>
internal sealed class NamespacesReading : Reading
{
    /// <summary>Where they are not to be read.</summary>
    public static readonly NamespacesReading None = new([], seen: null, 0, 0);

    private static readonly MetricFamily Namespaces = MetricFamily.Gauge(
        "conn_namespaces", "Network namespaces besides the exporter's own: seen; read; denied, which may not be entered and show at most what /proc/PID/net tells.", "state");

    private readonly int? seen;
    private readonly int read;
    private readonly int denied;

    public NamespacesReading(Row[] rows, int? seen, int read, int denied)
    {
        Rows = [.. rows];
        this.seen = seen;
        this.read = read;
        this.denied = denied;
    }

    /// <summary>Those that are shown.</summary>
    public ImmutableArray<Row> Rows { get; }

    public override void Write(ExpositionWriter page)
    {
        if (seen is not { } count)
        {
            return;
        }

        page.Write(Namespaces, count, "seen");
        page.Write(Namespaces, read, "read");
        page.Write(Namespaces, denied, "denied");
        foreach (Row row in Rows)
        {
            if (row.InFull)
            {
                Write(page, row.Readings);
            }
            else
            {
                row.Readings.States?.WriteSockets(page);
                row.Readings.Counters?.WriteOverflows(page);
                row.Readings.Census?.WriteWorst(page);
            }
        }
    }

    private static void Write(ExpositionWriter page, NamespacesCollector.Readings readings)
    {
        readings.States?.Write(page);
        readings.Listeners?.Write(page);
        readings.Counters?.Write(page);
        readings.Limits?.Write(page);
        readings.Ports?.Write(page);
        readings.Conntrack?.Write(page);
        readings.Census?.WriteCounts(page);
    }

    /// <summary>One namespace.</summary>
    internal sealed record Row(string Name, NamespacesCollector.Readings Readings, bool InFull)
    {
        /// <summary>A process in it; 0 where none is known.</summary>
        public int ProcessId { get; init; }
    }
}
