using ConnExporter.Kernel.Netlink;
using ConnExporter.Sampling.Collectors;

namespace ConnExporter.Diagnosis;

/// <summary>
/// Something that a rule's verdict rests on. THE list: each rule names its inputs, and where one of them was not read, silence of the rule is not "nothing". What is
/// told of the verdict as a whole (<c>complete</c>, <c>not_seen</c>, the word on the status page, the exit status) follows from this alone.
/// </summary>
/// <param name="Collector">The collector that reads it.</param>
/// <param name="Lack">What is missing where the collector has a reading without it: the text <c>missing.KEY</c>.</param>
/// <param name="IsKnown">Whether an observation has it.</param>
internal sealed record Input(string Collector, Fact Lack, Func<Observation, bool> IsKnown)
{
    private static readonly Input[] OfCounters = [.. CountersReading.Tcp.Concat(CountersReading.TcpExt).Select(name =>
        new Input("counters", new("counter", ("name", name)), seen => seen.Counters?.All.Any(one => one.KernelName == name && one.Value is not null) == true) { Rises = true })];

    public static readonly Input States = new("states", new("reading"), seen => seen.States is not null);

    public static readonly Input Listeners = new("listeners", new("reading"), seen => seen.Listeners is not null) { Rises = true };

    /// <summary>Without the limit of an accept queue its length says little.</summary>
    public static readonly Input ListenerLimits = new("listeners", new("listener_limits"), seen => seen.Listeners?.Rows.All(row => row.Limit is not null) == true);

    public static readonly Input Ports = new("ports", new("reading"), seen => seen.Ports is not null);

    public static readonly Input Census = new("census", new("reading"), seen => seen.Census is not null);

    /// <summary>Sockets that are bound and not connected. Before Linux 6.8 no source shows them; /proc/net/tcp never does.</summary>
    public static readonly Input BoundPorts = new("census", new("bound_ports"), seen => seen.Census is { IsFromTables: false });

    /// <summary>How old CLOSE_WAIT sockets are; with fewer of them than a finding takes it does not matter.</summary>
    public static readonly Input CloseWaitAges = new(
        "census",
        new("close_wait_ages"),
        seen => seen.Census is { } census && (!census.IsFromTables || seen.States?[TcpState.CloseWait] < (ulong)seen.Thresholds.CloseWaitWarning));

    /// <summary>The processes behind the connections; with fewer unknown ones than a finding takes, or no program that runs so often, it does not matter.</summary>
    public static readonly Input Connecting = new(
        "census",
        new("holders"),
        seen => seen.Census is { } census && (census.Covered is not { } share || (1 - share) * (census.Inbound + census.Outbound) < seen.Thresholds.ProcessStorm
            || seen.Processes is { HasUnreadable: false } and { } processes && processes.MostAlike < (ulong)seen.Thresholds.ProcessStorm));

    public static readonly Input SockStat = new("sockstat", new("reading"), seen => seen.SockStat is not null);

    /// <summary>What processors dropped before any protocol saw it; a kernel whose files do not tell has nothing to read.</summary>
    public static readonly Input Softnet = new("sockstat", new("reading"), seen => seen.SockStat is not null) { Rises = true };

    /// <summary>tcp_max_orphans and tcp_mem are the host's: other network namespaces than the first do not have them, and are judged without.</summary>
    public static readonly Input OrphanLimit = new("sockstat", new("orphan_limit"), seen => seen.SockStat is { } sockets && (sockets.MaxOrphans is not null || sockets.MaxTimeWait is not null));

    /// <summary>As <see cref="OrphanLimit"/>.</summary>
    public static readonly Input MemoryLimits = new("sockstat", new("memory_limits"), seen => seen.SockStat is { } sockets && (sockets.Limits is not null || sockets.MaxTimeWait is not null));

    public static readonly Input TimeWaitLimit = new("sockstat", new("time_wait_limit"), seen => seen.SockStat?.MaxTimeWait is not null);

    public static readonly Input Conntrack = new("conntrack", new("reading"), seen => seen.Conntrack is not null) { MayBeAbsent = true };

    public static readonly Input ConntrackLimit = new("conntrack", new("conntrack_limit"), seen => (seen.Conntrack?.Max ?? seen.Host.Conntrack?.Max) is not null) { MayBeAbsent = true };

    public static readonly Input ConntrackCounters = new("conntrack", new("conntrack_counters"), seen => seen.Conntrack?.Statistics is not null) { MayBeAbsent = true, Rises = true };

    /// <summary>The tables are the host's: in another network namespace than the first there is nothing to read.</summary>
    public static readonly Input NeighbourCounters = new("neighbours", new("neighbour_counters"), seen => seen.Neighbours?.Tables.All(table => table.Counts.TableFulls is not null) == true) { MayBeAbsent = true, Rises = true };

    public static readonly Input Udp = new("udp", new("reading"), seen => seen.Udp is not null);

    /// <summary>Which ports of the range UDP sockets may be given.</summary>
    public static readonly Input UdpUsable = new("udp", new("udp_usable"), seen => seen.Udp?.Usable is not null);

    public static readonly Input UdpCounters = new("udp", new("udp_counters"), seen => seen.Udp?.Counters.V4 is not null) { Rises = true };

    public static readonly Input Unix = new("unix", new("unix_queues"), seen => seen.Unix is not null) { Rises = true };

    /// <summary>Whether receivers take another datagram is asked of the kernel one by one; also of those in other network namespaces.</summary>
    public static readonly Input UnixReceivers = new("unix", new("unix_receivers"), seen => seen.Unix is null or { UnaskedReceivers: 0 }) { MattersElsewhere = true };

    public static readonly Input Descriptors = new("descriptors", new("reading"), seen => seen.Descriptors is not null);

    public static readonly Input Processes = new("processes", new("reading"), seen => seen.Processes is not null);

    public static readonly Input ReadableProcesses = new("processes", new("unreadable_processes"), seen => seen.Processes is { HasUnreadable: false });

    public static readonly Input VisibleProcesses = new("processes", new("hidden_processes"), seen => seen.Processes is { HidesOthers: not true });

    /// <summary>
    /// Connections of the host are held by processes of the host. Who looks from a process namespace of its own at the host's network sees only its own; in a container
    /// with a network of its own they are what there is to see.
    /// </summary>
    public static readonly Input ProcessesOfTheNetwork = new("processes", new("processes_elsewhere"), seen => seen.Processes is { IsOfHost: not false } || seen.SockStat?.MaxOrphans is null);

    public static readonly Input Settings = new("settings", new("reading"), seen => seen.Settings is not null);

    /// <summary>Whether there may be nothing to read: connection tracking that nobody uses, tables that only the host has. Everything else every kernel has, and where it is not seen it is hidden.</summary>
    public bool MayBeAbsent { get; private init; }

    /// <summary>Whether rules go by what it rises by, which takes two readings. Of listeners these are their drops.</summary>
    public bool Rises { get; private init; }

    /// <summary>Whether it is a gap also where another network namespace lacks it that was read; of those, what has no reading is told of by their collector.</summary>
    public bool MattersElsewhere { get; private init; }

    /// <summary>A counter of snmp or netstat.</summary>
    /// <param name="kernelName">The kernel's name of it.</param>
    public static Input Counter(string kernelName) => Array.Find(OfCounters, input => (string)input.Lack.Values[0].Value == kernelName) ?? throw new ArgumentException($"{kernelName}: no collector reads it", nameof(kernelName));
}

/// <summary>How an input stands.</summary>
internal enum InputState
{
    /// <summary>It was read.</summary>
    Known,

    /// <summary>There is nothing to read here.</summary>
    NotHere,

    /// <summary>Its collector is switched off.</summary>
    SwitchedOff,

    /// <summary>It was not read: hidden, refused, broken, or the kernel keeps it waiting.</summary>
    Missing,
}

/// <summary>What verdicts lack.</summary>
/// <param name="Collector">The collector that should have read it.</param>
/// <param name="Lacks">What of its reading.</param>
/// <param name="Findings">What cannot be told without it: findings that do not hold by what was seen.</param>
internal sealed record Gap(string Collector, System.Collections.Immutable.ImmutableArray<Fact> Lacks, System.Collections.Immutable.ImmutableArray<Rule> Findings)
{
    /// <summary>Whether that was asked for: then the verdict is about the rest.</summary>
    public bool IsSwitchedOff { get; init; }
}
