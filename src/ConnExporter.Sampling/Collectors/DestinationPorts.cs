using System.Collections.Immutable;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Counting;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// The ephemeral ports of the destinations with the most, with what no record of a walk shows: whether TIME_WAIT sockets can be taken over, and which ports
/// bind() took. For one thread.
/// </summary>
internal sealed class DestinationPorts
{
    /// <summary>A destination that holds this share of the usable ports may soon be short of them.</summary>
    public const double ShortFrom = 0.5;

    // Destinations whose living sockets are asked for timestamps in one census: a walk over the kernel's table each.
    private const int MostTimestampQuestions = 3;

    private readonly KernelSource kernel;
    private readonly bool asksKernel;
    private readonly SocketCensus census;
    private readonly TopRows<Destination> top;
    private readonly PortInquiry inquiry = new();
    private PeerTimestamps peerTimestamps = new();

    /// <summary>Nothing is asked yet.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="options">How many destinations have rows, and whether the kernel is asked for ports.</param>
    /// <param name="census">What a walk saw.</param>
    public DestinationPorts(KernelSource kernel, CensusOptions options, SocketCensus census)
    {
        this.kernel = kernel;
        this.census = census;
        asksKernel = options.ProbePorts;
        top = new TopRows<Destination>(options.Destinations, EphemeralPorts.Kinds, ranked: EphemeralPorts.ReusableTimeWait);
    }

    /// <summary>What the kernel said when it was asked for ports after the last walk.</summary>
    public PortInquiry Inquiry => inquiry;

    /// <summary>Questions to the kernel, by <see cref="PortAnswer"/>; null where it is not to be asked.</summary>
    public ImmutableArray<ulong>? Probes => asksKernel && kernel.OpenPortProbe is not null ? [.. inquiry.Answers.All] : null;

    /// <summary>Goes on with what is remembered of a network namespace.</summary>
    public void Restore(CensusMemory memory)
    {
        peerTimestamps = memory.Timestamps;
        inquiry.Answers = memory.Answers;
        top.Restore(memory.Destinations);
    }

    /// <summary>Has it remembered which destinations have rows; the rest is there already.</summary>
    public void Save(CensusMemory memory) => memory.Destinations = top.Keys.ToArray();

    /// <summary>Chooses the destinations after a walk, and asks what no record shows: only where it would make a difference.</summary>
    /// <param name="context">The sample.</param>
    /// <param name="sockets">Where sockets are read.</param>
    public void Choose(CollectContext context, SocketSource sockets)
    {
        EphemeralPorts ports = census.Ports;
        top.Choose(ports.Destinations);
        inquiry.Begin();
        AskForTimestamps(context, sockets);
        if (PortInquiry.Matters(ports))
        {
            AskWhoTookThePorts(context, sockets);
        }
    }

    /// <summary>Counts the destinations that have no row.</summary>
    public void Drop(CollectContext context) => context.Drop("conn_ephemeral_destination_ports", top.LeftOut);

    /// <summary>The destinations, those with the most ports first, and what all others have.</summary>
    public ImmutableArray<CensusReading.DestinationRow> ToRows(CollectContext context)
    {
        ImmutableArray<CensusReading.DestinationRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.DestinationRow>(top.Count + 1);
        for (int i = 0; i < top.Count; i++)
        {
            rows.Add(RowOf(top[i], context));
        }

        if (top.Other > 0)
        {
            rows.Add(new(
                Labels.Other,
                Labels.Other,
                Labels.Other,
                (ulong)top.OtherOf(EphemeralPorts.Live),
                (ulong)top.OtherOf(EphemeralPorts.TimeWait),
                0)
            {
                UnprovenTimeWait = (ulong)top.OtherOf(EphemeralPorts.ReusableTimeWait),
            });
        }

        return rows.ToImmutable();
    }

    /// <summary>The most ports that are taken for one destination.</summary>
    /// <param name="held">Those that the destination holds which holds the most.</param>
    /// <param name="rows">The rows.</param>
    public ulong MostTaken(ulong held, ImmutableArray<CensusReading.DestinationRow> rows) => inquiry.Anybody == PortAnswer.None
        ? (ulong)census.Ports.Usable
        : Math.Max(held + (ulong)census.Ports.Blocked, rows.Where(row => row.Port != Labels.Other).Select(row => row.Taken(census.Ports.Blocked, census.Ports.Usable)).DefaultIfEmpty().Max());

    /// <summary>A row of what was counted.</summary>
    /// <param name="key">The two ends.</param>
    /// <param name="networkInterface">The interface that its sockets are bound to; 0 for none.</param>
    /// <param name="haveTimestamps">Whether its connections have timestamps; null where nothing shows it.</param>
    /// <param name="counts">Ports by kind.</param>
    public static CensusReading.DestinationRow RowOf(Destination key, uint networkInterface, bool? haveTimestamps, ReadOnlySpan<long> counts)
    {
        long waiting = counts[EphemeralPorts.ReusableTimeWait];
        return new(
            key.Source.ToString(),
            key.Address.ToString(),
            key.Port.ToString(),
            (ulong)counts[EphemeralPorts.Live],
            (ulong)(counts[EphemeralPorts.TimeWait] + (haveTimestamps == false ? waiting : 0)),
            haveTimestamps == true ? (ulong)waiting : 0)
        {
            Key = key,
            Interface = networkInterface,
            HaveTimestamps = haveTimestamps,
            UnprovenTimeWait = haveTimestamps is null ? (ulong)waiting : 0,
        };
    }

    private CensusReading.DestinationRow RowOf(BoundedCounts<Destination>.Row row, CollectContext context)
    {
        Destination key = row.Key;
        bool? haveTimestamps = peerTimestamps.Of(key, census.Ports.Reuse.Timestamps, Now(context));
        PortEvidence evidence = inquiry.Of(key, census.Ports, out bool wasAsked);
        CensusReading.DestinationRow counted = RowOf(key, census.Ports.InterfaceOf(key), haveTimestamps, row.Counts);
        return counted with
        {
            BoundElsewhere = (ulong)evidence.Bound,
            MayBeBound = wasAsked ? (ulong)evidence.MayBeBound : (ulong)Math.Max(0, census.Ports.InUse - census.Ports.Blocked - (long)(counted.Live + counted.TimeWait + counted.UnprovenTimeWait)),
            LikelyBound = (ulong?)evidence.LikelyBound,
            Room = evidence.Room,
            MayPassOver = evidence.MayPassOver,
        };
    }

    private void AskForTimestamps(CollectContext context, SocketSource sockets)
    {
        int questions = MostTimestampQuestions;
        for (int i = 0; i < top.Count && questions > 0 && sockets.Missing is null; i++)
        {
            BoundedCounts<Destination>.Row row = top[i];
            Destination key = row.Key;
            if (row.Counts[EphemeralPorts.ReusableTimeWait] > 0 && row.Counts[EphemeralPorts.Live] > 0 && HeldBy(row) >= ShortFrom * census.Ports.Usable && !peerTimestamps.Knows(key, Now(context)))
            {
                questions--;
                if (!sockets.AskSockDiag(socket => peerTimestamps.Ask(socket, key, Now(context))))
                {
                    sockets.Dispose();
                }
            }
        }
    }

    private void AskWhoTookThePorts(CollectContext context, SocketSource sockets)
    {
        EphemeralPorts ports = census.Ports;
        for (int i = 0; i < top.Count; i++)
        {
            BoundedCounts<Destination>.Row row = top[i];
            bool? haveTimestamps = peerTimestamps.Of(row.Key, ports.Reuse.Timestamps, Now(context));
            long taken = row.Counts[EphemeralPorts.Live] + row.Counts[EphemeralPorts.TimeWait] + (haveTimestamps == false ? row.Counts[EphemeralPorts.ReusableTimeWait] : 0) + ports.Blocked;
            if (taken < ports.Usable && !inquiry.TryAdd(row.Key, haveTimestamps))
            {
                break;
            }
        }

        bool looked = sockets.AskSockDiag(socket =>
        {
            inquiry.Look(socket, ports);
            return true;
        });
        if (!looked)
        {
            // /proc/net/tcp does not tell what a destination holds without reading all of it anew: nothing is claimed of single ones.
            inquiry.Begin();
        }

        inquiry.Ask(asksKernel ? kernel.OpenPortProbe : null, ports, census.Listeners);
    }

    private static long HeldBy(BoundedCounts<Destination>.Row row) =>
        row.Counts[EphemeralPorts.Live] + row.Counts[EphemeralPorts.TimeWait] + row.Counts[EphemeralPorts.ReusableTimeWait];

    private static TimeSpan Now(CollectContext context) => context.Time.GetElapsedTime(0);
}
