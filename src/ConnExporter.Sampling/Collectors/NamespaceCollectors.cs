using ConnExporter.Kernel;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// The collectors that read other network namespaces: one set for all of them, as their tables are large. What is remembered of a namespace from one visit to
/// the next is brought along. Nothing stays open between two visits.
/// </summary>
internal sealed class NamespaceCollectors : IDisposable
{
    private static readonly CensusOptions InBrief = new(Top: 5, Destinations: 5, Keys: 8192, FoldV4: 32, FoldV6: 128, IdleAges: false);

    private readonly ProcFile sockstat;
    private readonly ProcFile sockstat6;
    private readonly StatesCollector states;
    private readonly CountersCollector counters;
    private readonly InsideOnly? inside;

    private NamespaceCollectors(KernelSource kernel, ulong tableLimit, InsideOnly? inside)
    {
        sockstat = kernel.Proc.NetFile("sockstat");
        sockstat6 = kernel.Proc.NetFile("sockstat6");
        states = new StatesCollector(kernel, tableLimit);
        counters = new CountersCollector(kernel);
        this.inside = inside;
    }

    /// <summary>For a thread that goes into them. <c>/proc/net</c> is that of the main thread, which never leaves home.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="allAtOnce">Whether each look asks all receivers of datagrams.</param>
    public static NamespaceCollectors Inside(KernelSource kernel, bool allAtOnce)
    {
        KernelSource within = kernel with { Proc = new ProcFs(kernel.Proc.Root, "thread-self/net"), IsOwnNamespace = false };
        return new(within, ulong.MaxValue, new InsideOnly(within, allAtOnce));
    }

    /// <summary>For one that cannot be entered: what <c>/proc/PID/net</c> tells. Sysctls and sock_diag would be our own namespace's.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="processId">A process in it.</param>
    /// <param name="tableLimit">With more sockets than this the states are not read, which takes a line of text for each.</param>
    public static NamespaceCollectors Outside(KernelSource kernel, int processId, ulong tableLimit) => new(
        kernel with
        {
            Proc = new ProcFs(kernel.Proc.Root, $"{processId}/net"),
            IsOwnNamespace = false,
            OpenSockDiag = () => throw new KernelReadException(FailureKind.Absent, "absent", "sock_diag: only from inside a network namespace"),
        },
        tableLimit,
        inside: null);

    /// <summary>How many sockets there are: the kernel keeps count, so that it costs next to nothing to ask.</summary>
    /// <exception cref="KernelReadException">As <see cref="ProcFile.Read"/>.</exception>
    public (ulong InUse, ulong TimeWait, ulong Udp, ulong All) ReadTotals()
    {
        try
        {
            ReadOnlySpan<byte> text = sockstat.Read();
            var v4 = SockStat.Parse(sockstat.Path, text);
            ulong udp = SockStat.ParseUdp(sockstat.Path, text).InUse;
            return (v4.InUse + SockStat.ReadInUse6IfThere(sockstat6), v4.TimeWait, udp + SockStat.ReadUdpInUse6IfThere(sockstat6), SockStat.ParseAll(sockstat.Path, text));
        }
        finally
        {
            sockstat.Dispose();
            sockstat6.Dispose();
        }
    }

    /// <summary>The counters.</summary>
    public void ReadCounters(CollectContext context, NamespaceReadings readings) => readings.Counters = From(context, readings, counters, () => (CountersReading)counters.Collect(context));

    /// <summary>What costs little however many sockets there are.</summary>
    public void ReadDetails(CollectContext context, NamespaceReadings readings, ListenerHistory listeners, ConntrackMemory conntrack, UnixHistory unix)
    {
        if (inside is null)
        {
            return;
        }

        readings.Ports = From(context, readings, inside.Ports, () => inside.Ports.Collect(context) as PortsReading);
        readings.Conntrack = From(context, readings, inside.Conntrack, () => inside.Conntrack.Collect(context, conntrack) as ConntrackReading);
        readings.Limits = From(context, readings, inside.Limits, () => (SockStatReading)inside.Limits.Collect(context));
        readings.Settings = From(context, readings, inside.Settings, () => (SettingsReading)inside.Settings.Collect(context));
        readings.Unix = From(context, readings, inside.Unix, () => inside.Unix.Collect(context, unix));
        readings.Listeners = From(context, readings, inside.Listeners, () => inside.Listeners.Collect(context, listeners));
    }

    /// <summary>What takes a walk over the sockets: states and census in one, as the kernel goes over the sockets of the whole host to find these.</summary>
    public void Walk(CollectContext context, NamespaceReadings readings, CensusMemory memory, UdpReceivers receivers)
    {
        readings.Census = inside is null ? null : From(context, readings, inside.Census, () => inside.Census.Collect(context, memory));
        readings.Worst = readings.Census?.Worst;
        readings.Udp = inside is null ? null : From(context, readings, inside.Udp, () => inside.Udp.Collect(context, receivers));
        readings.States = readings.Census is { } census
            ? new StatesReading(context.Namespace, [.. census.States], census.IsFromTables ? StatesReading.ProcTables : StatesReading.SockDiag)
            : From(context, readings, states, () => (StatesReading)states.Collect(context));
    }

    public void Dispose()
    {
        sockstat.Dispose();
        sockstat6.Dispose();
        states.Dispose();
        counters.Dispose();
        inside?.Dispose();
    }

    private static T? From<T>(CollectContext context, NamespaceReadings readings, Collector collector, Func<T?> read)
        where T : Reading
    {
        try
        {
            return readings.From(context, read);
        }
        finally
        {
            collector.Close();
        }
    }

    private sealed class InsideOnly(KernelSource kernel, bool allAtOnce) : IDisposable
    {
        public ListenersCollector Listeners { get; } = new(kernel, NamespacesCollector.ListenersShown);

        public PortsCollector Ports { get; } = new(kernel);

        public ConntrackCollector Conntrack { get; } = new(kernel);

        public SockStatCollector Limits { get; } = new(kernel);

        public SettingsCollector Settings { get; } = SettingsCollector.Inside(kernel);

        public CensusCollector Census { get; } = new(kernel, InBrief, names: false);

        public UnixCollector Unix { get; } = new(kernel, InBrief with { AllAtOnce = allAtOnce }, names: false);

        public UdpCollector Udp { get; } = new(kernel, InBrief, names: false);

        public void Dispose()
        {
            Listeners.Dispose();
            Ports.Dispose();
            Conntrack.Dispose();
            Limits.Dispose();
            Settings.Dispose();
            Census.Dispose();
            Udp.Dispose();
            Unix.Dispose();
        }
    }
}
