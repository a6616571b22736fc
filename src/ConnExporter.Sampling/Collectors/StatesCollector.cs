using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// TCP sockets by state, exactly, without looking at most of them: the kernel is asked for every state but ESTABLISHED and TIME_WAIT, and
/// those two follow from what it counts anyway (docs/kernel-facts.md §10).
/// </summary>
/// <remarks>
/// <c>inuse</c> of sockstat and sockstat6 counts all full sockets, so ESTABLISHED is what the walk did not see of them; <c>tw</c> counts
/// all minisockets, so TIME_WAIT is what is left without the FIN_WAIT2 ones that the walk saw. <c>CurrEstab</c> is of no use here: older
/// kernels leave CLOSE_WAIT out of it, newer ones do not.
/// </remarks>
internal sealed class StatesCollector : Collector
{
    private const uint Rare = SockDiagRequest.AllStates & ~((1u << (int)TcpState.Established) | (1u << (int)TcpState.TimeWait));

    // Each attempt makes a kernel without the module run modprobe.
    private static readonly TimeSpan ProbeAgainAfter = TimeSpan.FromMinutes(5);

    private readonly KernelSource kernel;
    private readonly ulong tableLimit;
    private readonly ProcFile sockstat;
    private readonly ProcFile sockstat6;
    private readonly LineFile tcp;
    private readonly LineFile tcp6;
    private NetlinkSocket? sockDiag;
    private long missingSince;
    private bool missing;

    /// <summary>Counts the sockets of the namespace that the source shows.</summary>
    /// <param name="kernel">Where to read.</param>
    /// <param name="tableLimit">With more sockets than this <c>/proc/net/tcp</c> is not read, which gives a line for each.</param>
    public StatesCollector(KernelSource kernel, ulong tableLimit = ulong.MaxValue)
    {
        this.kernel = kernel;
        this.tableLimit = tableLimit;
        sockstat = kernel.Proc.NetFile("sockstat");
        sockstat6 = kernel.Proc.NetFile("sockstat6");
        tcp = new LineFile(kernel.Proc.NetPathOf("tcp"));
        tcp6 = new LineFile(kernel.Proc.NetPathOf("tcp6"));
    }

    public override Reading Collect(CollectContext context)
    {
        if (!missing || context.Time.GetElapsedTime(missingSince) >= ProbeAgainAfter)
        {
            try
            {
                StatesReading reading = Diagnose(context);
                missing = false;
                context.Note(null);
                return reading;
            }
            catch (KernelReadException e)
            {
                // In the middle of an answer the socket is of no further use.
                sockDiag?.Dispose();
                sockDiag = null;
                if (e.Kind == FailureKind.Broken)
                {
                    throw;
                }

                missing = e.Kind == FailureKind.Absent;
                missingSince = context.Time.GetTimestamp();
                context.Note($"{e.Message}; reading {tcp.Path} and tcp6 instead, which is slow with many sockets{(e.Kind == FailureKind.Absent ? ": load the modules inet_diag and tcp_diag" : "")}");
            }
        }

        return ReadTables(context.Namespace);
    }

    public override void Close()
    {
        sockDiag?.Dispose();
        sockDiag = null;
        sockstat.Dispose();
        sockstat6.Dispose();
        tcp.Dispose();
        tcp6.Dispose();
    }

    private StatesReading Diagnose(CollectContext context)
    {
        (ulong inUse, ulong timeWait) before;
        try
        {
            before = ReadTotals();
        }
        catch (KernelReadException e) when (kernel.IsOwnNamespace)
        {
            // What cannot be worked out is counted one by one. Only for our own: the walk over another one costs as much as that over all.
            context.Miss(e);
            return new StatesReading(context.Namespace, Dump(SockDiagRequest.AllStates).Tally, StatesReading.SockDiag);
        }

        if (HasNone(before))
        {
            return new StatesReading(context.Namespace, new ulong[TcpTable.StateCount], StatesReading.SockDiag);
        }

        Walk walk = Dump(Rare);
        (ulong inUse, ulong timeWait) after = ReadTotals();

        // On a host where they move meanwhile no walk is exact; the middle is the best guess.
        long established = (long)((before.inUse + after.inUse) / 2) - walk.FullSockets;
        long timeWaits = (long)((before.timeWait + after.timeWait) / 2) - walk.Minisockets;
        if (established < 0 || timeWaits < 0)
        {
            // More of the rare states than sockets in all: they came and went during the walk. Then every socket is looked at.
            return new StatesReading(context.Namespace, Dump(SockDiagRequest.AllStates).Tally, StatesReading.SockDiag);
        }

        walk.Tally[(int)TcpState.Established] = (ulong)established;
        walk.Tally[(int)TcpState.TimeWait] = (ulong)timeWaits;
        return new StatesReading(context.Namespace, walk.Tally, StatesReading.SockDiag);
    }

    private Walk Dump(uint states)
    {
        ulong[] tally = new ulong[TcpTable.StateCount];
        long full = 0;
        long minisockets = 0;
        sockDiag ??= kernel.OpenSockDiag();
        var dump = new SockDiagDump(sockDiag, new SockDiagRequest(states));
        while (dump.TryRead(out SocketRecord socket))
        {
            tally[(int)socket.State]++;
            if (socket.IsTimeWaitMinisocket)
            {
                minisockets++;
            }
            else if (socket.State != TcpState.SynRecv || socket.IsFullSocket)
            {
                full++;
            }
        }

        return new Walk(tally, full, minisockets);
    }

    private (ulong InUse, ulong TimeWait) ReadTotals()
    {
        var v4 = SockStat.Parse(sockstat.Path, sockstat.Read());
        return (v4.InUse + SockStat.ReadInUse6IfThere(sockstat6), v4.TimeWait);
    }

    // A walk goes over the sockets of the whole host to find those of one namespace (docs/kernel-facts.md §0), so it is worth asking first. Our own
    // always has the listener of this program.
    private bool HasNone((ulong InUse, ulong TimeWait) totals) => !kernel.IsOwnNamespace && totals.InUse + totals.TimeWait == 0;

    private StatesReading ReadTables(string netns)
    {
        ulong[] tally = new ulong[TcpTable.StateCount];
        if (!kernel.IsOwnNamespace)
        {
            (ulong inUse, ulong timeWait) = ReadTotals();
            if (HasNone((inUse, timeWait)))
            {
                return new StatesReading(netns, tally, StatesReading.ProcTables);
            }

            if (inUse + timeWait > tableLimit)
            {
                throw new KernelReadException(FailureKind.Broken, "too_large", $"{tcp.Path}: {inUse + timeWait} sockets, of which more than {tableLimit} are not read line by line");
            }
        }

        TcpTable.Tally(tcp, tally);
        try
        {
            TcpTable.Tally(tcp6, tally);
        }
        catch (KernelReadException e) when (e.Kind == FailureKind.Absent)
        {
            // IPv6 is switched off: there are none.
        }

        return new StatesReading(netns, tally, StatesReading.ProcTables);
    }

    /// <summary>What one dump saw.</summary>
    /// <param name="Tally">Sockets by state.</param>
    /// <param name="FullSockets">Those that <c>inuse</c> counts.</param>
    /// <param name="Minisockets">Those that <c>tw</c> counts.</param>
    private readonly record struct Walk(ulong[] Tally, long FullSockets, long Minisockets);
}

/// <summary>TCP sockets by state.</summary>
internal sealed class StatesReading : Reading
{
    public const string SockDiag = "sock_diag";
    public const string ProcTables = "proc_net_tcp";

    private readonly ulong[] tally;

    public StatesReading(string netns, ulong[] tally, string source)
    {
        Netns = netns;
        this.tally = tally;
        Source = source;
    }

    /// <summary>The tally of a network namespace without sockets.</summary>
    public static ulong[] NoSockets { get; } = new ulong[TcpTable.StateCount];

    /// <summary>How many states sockets are counted in.</summary>
    public static int SocketSeries => Labels.States.Length;

    /// <summary>The network namespace.</summary>
    public string Netns { get; }

    /// <summary>Where the sockets were read: <see cref="SockDiag"/> or <see cref="ProcTables"/>.</summary>
    public string Source { get; }

    /// <summary>Sockets in a state.</summary>
    public ulong this[TcpState state] => tally[(int)state];

    /// <summary>Sockets in all states.</summary>
    public ulong Total => tally.Aggregate(0ul, (sum, count) => sum + count);
}
