using System.Collections.Immutable;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Holders;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// Queues of Unix sockets: connections that wait at listeners (stream and seqpacket), and datagrams that wait at receivers. The kernel counts no overflow and no drop, so peaks
/// and the time at full stand instead.
/// </summary>
internal sealed class UnixCollector : Collector
{
    /// <summary>Rows of either kind on the page.</summary>
    public const int Shown = 32;

    // Receivers are among all connected sockets: a dump of these costs most. A little less than the rounds of other network namespaces, which would miss each second one otherwise.
    private static readonly TimeSpan ReceiversEvery = TimeSpan.FromSeconds(14);

    // Each attempt makes a kernel without the module run modprobe.
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ImproveEvery = TimeSpan.FromSeconds(5);
    private static readonly UnixDiagRequest Listening = new(SockDiagRequest.Bit(TcpState.Listen), UnixDiagShow.Name | UnixDiagShow.Queues);
    private static readonly UnixDiagRequest NotListening = new(
        SockDiagRequest.Bit(TcpState.Close) | SockDiagRequest.Bit(TcpState.Established),
        UnixDiagShow.Name | UnixDiagShow.File | UnixDiagShow.Queues);

    // Questions in one look, each a socket of our own: a tenth of a millisecond.
    private const int MostQuestions = 256;

    // Below this part of its limit nobody asks whose a queue is.
    private const double WorthNaming = 0.5;

    private readonly KernelSource kernel;
    private readonly CensusOptions options;
    private readonly bool names;
    private readonly ProcFile datagramLimit;
    private readonly UnixHistory ownHistory = new();
    private NetlinkSocket? sockDiag;
    private KernelReadException? absent;
    private long absentSince;
    private SocketOwners? owners;
    private Wanted? wanted;
    private long improvedAt;
    private bool wasImproved;

    /// <summary>Reads the network namespace that the kernel is read in.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="options">Whether all is looked for at once, and whether questions may be asked.</param>
    /// <param name="names">Whether processes are looked for.</param>
    public UnixCollector(KernelSource kernel, CensusOptions options, bool names = true)
    {
        this.kernel = kernel;
        this.options = options;
        this.names = names;
        datagramLimit = kernel.Proc.File("sys/net/unix/max_dgram_qlen");
    }

    public override Reading Collect(CollectContext context) => Collect(context, ownHistory);

    /// <summary>The sockets of the one of many network namespaces that the calling thread is in.</summary>
    /// <param name="context">Its context.</param>
    /// <param name="history">What is remembered of its sockets.</param>
    public UnixReading Collect(CollectContext context, UnixHistory history)
    {
        if (absent is not null && context.Time.GetElapsedTime(absentSince) < TryAgainAfter)
        {
            throw new KernelReadException(absent.Kind, absent.Reason, absent.Message, absent);
        }

        history.Begin(context.Time);
        long time = context.Time.GetTimestamp();
        bool withReceivers = options.AllAtOnce || history.ReceiversAt is not { } at || context.Time.GetElapsedTime(at, time) >= ReceiversEvery;
        int listeners = Dump(history, withReceivers, time);
        history.End(socket => withReceivers || !socket.IsReceiver);
        if (withReceivers)
        {
            Ask(history);
        }

        UnixHistory.Followed[] rows = [.. history.Open.Where(socket => !socket.IsReceiver).GroupBy(socket => socket.Name).Select(group => group.MaxBy(FullnessOf)!).OrderByDescending(FullnessOf).ThenByDescending(socket => socket.Total).ThenBy(socket => socket.Name, StringComparer.Ordinal)];
        UnixHistory.Followed[] waiting = [.. history.Receiving.Where(socket => socket.Queue > 0)];
        UnixHistory.Followed[] unread = [.. WorstFirst(waiting).DistinctBy(socket => socket.Name)];
        context.Drop("conn_unix_listener_queue", Math.Max(0, rows.Length - Shown) + history.LeftOut);
        context.Drop("conn_unix_receiver_unread_seconds", Math.Max(0, unread.Length - Shown));
        Name(context, [.. rows.Take(Shown).Where(socket => FullnessOf(socket) >= WorthNaming), .. unread.Take(Shown).Where(socket => socket.IsFull == true)]);
        return new UnixReading(context.Namespace)
        {
            ListenerCount = listeners,
            ReceiverCount = history.Receivers,
            DatagramLimit = context.Part(datagramLimit.ReadNumberIfThere),
            UnaskedReceivers = waiting.Count(socket => socket.Lasting > TimeSpan.Zero && socket.IsFull is null),
            Listeners = [.. rows.Take(Shown).Select(socket => new UnixReading.ListenerRow(socket.Name, socket.Queue, socket.Limit!.Value, socket.Peak, socket.Total, socket.Lasting, HoldingOf(socket)))],
            Receivers = [.. unread.Take(Shown).Select(socket => new UnixReading.ReceiverRow(socket.Name, socket.Lasting, socket.IsFull, socket.FullLooks, HoldingOf(socket)))],
        };
    }

    public override void Close()
    {
        sockDiag?.Dispose();
        sockDiag = null;
        datagramLimit.Dispose();
        owners?.Dispose();
    }

    // Those that were full when they were asked last, then those that could not be asked, each the longest first.
    private static IEnumerable<UnixHistory.Followed> WorstFirst(UnixHistory.Followed[] receivers) => receivers
        .OrderBy(socket => socket.IsFull switch { true => 0, null => 1, false => 2 }).ThenByDescending(socket => socket.Lasting).ThenBy(socket => socket.Name, StringComparer.Ordinal);

    private static double FullnessOf(UnixHistory.Followed socket) => socket.Queue / (socket.Limit!.Value + 1.0);

    // How many listen; of receivers the history knows.
    private int Dump(UnixHistory history, bool withReceivers, long time)
    {
        try
        {
            absent = null;
            sockDiag ??= kernel.OpenSockDiag();
            int listeners = 0;
            var dump = new SockDiagDump(sockDiag, Listening);
            while (dump.TryReadUnix(out UnixSocketRecord socket))
            {
                listeners++;
                if (socket.TryGetQueues(out uint queue, out uint limit))
                {
                    history.Add(socket, queue, limit);
                }
            }

            if (!withReceivers)
            {
                return listeners;
            }

            int receivers = 0;
            dump = new SockDiagDump(sockDiag, NotListening);
            while (dump.TryReadUnix(out UnixSocketRecord socket))
            {
                if (socket.Kind == UnixSocketRecord.Datagram && socket.Name.Length > 0)
                {
                    receivers++;
                    if (socket.TryGetQueues(out uint first, out _))
                    {
                        history.Add(socket, first, limit: null);
                    }
                }
            }

            (history.ReceiversAt, history.Receivers) = (time, receivers);
            return listeners;
        }
        catch (KernelReadException e)
        {
            (absent, absentSince) = (e.Kind == FailureKind.Absent ? e : null, time);

            // In the middle of an answer the socket is of no further use.
            sockDiag?.Dispose();
            sockDiag = null;
            throw;
        }
    }

    // The kernel tells the first datagram's size and not how many there are: a full queue is asked for, where something waited at the look before too.
    private void Ask(UnixHistory history)
    {
        int questions = 0;
        foreach (UnixHistory.Followed socket in WorstFirst([.. history.Open.Where(socket => socket.IsReceiver)]))
        {
            bool isDue = socket.Queue > 0 && (options.AllAtOnce || socket.Lasting > TimeSpan.Zero) && options.ProbePorts && kernel.OpenPortProbe is not null && questions++ < MostQuestions;
            socket.IsFull = socket.Queue == 0 ? false : isDue ? DatagramProbe.IsFull(socket.RawName, socket.File) : null;
            socket.FullLooks = socket.IsFull == true ? socket.FullLooks + 1 : 0;
        }
    }

    // Whose they are takes the descriptors of processes: only where something waits, and not at each look.
    private void Name(CollectContext context, ImmutableArray<UnixHistory.Followed> troubled)
    {
        if (!names || troubled.IsEmpty)
        {
            return;
        }

        owners ??= new SocketOwners(kernel, cgroups: null);
        wanted ??= new Wanted();
        wanted.Clear();
        foreach (UnixHistory.Followed socket in troubled)
        {
            if (socket.Inode != 0 && !owners.TryFind(socket.Inode, out _))
            {
                wanted.Add(TcpState.Listen, socket.Inode, cgroup: 0, user: 0);
            }
        }

        if (wasImproved && context.Time.GetElapsedTime(improvedAt) < ImproveEvery)
        {
            return;
        }

        (wasImproved, improvedAt) = (true, context.Time.GetTimestamp());
        owners.Ask([.. troubled.Select(socket => socket.Inode)]);
        owners.Improve(wanted, options.AllAtOnce ? SocketOwners.Everything : SocketOwners.DefaultBudget, context.Answered);
    }

    private ListenerHolding? HoldingOf(UnixHistory.Followed socket) => owners is null || socket.Inode == 0 ? null : ListenerHolding.Of(owners.AllOf(socket.Inode), []);
}
