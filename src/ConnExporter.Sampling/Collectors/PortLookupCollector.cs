using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling.Census;

namespace ConnExporter.Sampling.Collectors;

/// <summary>
/// The ephemeral ports of the fullest destinations between two censuses, which very many sockets put far apart: sock_diag is asked for single sockets, which costs the same however many
/// there are. What cannot be seen so, a destination that the last census did not know, is bounded by what was opened since; where that bound no longer excludes an exhaustion, a walk over a
/// part of the sockets is made.
/// </summary>
internal sealed class PortLookupCollector : Collector
{
    /// <summary>Destinations that are looked up at most.</summary>
    public const int MostDestinations = 20;

    // A destination with less is far from an exhaustion: the bound is for it.
    private const double From = 0.1;

    // From here on, and of the fullest, one port in sixteen.
    private const double Half = 0.5;

    // So many are all asked for: a few milliseconds, and a part of them would say little.
    private const int Few = 2048;
    private const double NearlyFull = 0.75;
    private const int FewPorts = 64;
    private const int MorePorts = 16;
    private static readonly TimeSpan FreshFor = TimeSpan.FromSeconds(16);
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BetweenWalks = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BetweenCounts = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan CountCost = TimeSpan.FromMilliseconds(100);

    private readonly KernelSource kernel;
    private readonly PortSettingsSource portSettings;
    private readonly UsablePorts usable = new();
    private readonly ActiveOpens activeOpens;
    private readonly SampledWalk walk = new();
    private readonly Pauses pauses = new(sleeps: true);
    private readonly List<ushort> ports = [];
    private readonly long[] counts = new long[EphemeralPorts.Kinds];
    private readonly PortHolders holders;
    private NetlinkSocket? sockDiag;
    private ImmutableArray<CensusReading.DestinationRow> last = [];
    private ImmutableArray<CensusReading.DestinationRow> found = [];
    private CensusReading? walkedAfter;
    private (long At, ulong Most, ulong? Opens)? walked;
    private TimeSpan walkCost;
    private ulong walks;
    private (Destination Key, long At, bool IsAllTaken)? counted;
    private int turn;

    /// <summary>Looks into the network namespace that the kernel is read in.</summary>
    /// <param name="kernel">The kernel.</param>
    public PortLookupCollector(KernelSource kernel)
    {
        this.kernel = kernel;
        portSettings = new PortSettingsSource(kernel);
        activeOpens = new ActiveOpens(kernel);
        holders = new PortHolders(kernel);
    }

    public override Reading Collect(CollectContext context)
    {
        PortSettings settings = portSettings.Read(context);
        usable.Set(settings.Range, settings.Reserved);
        if (context.Newest<CensusReading>() is not { Reading: { IsFromTables: false } census, State: { } state } || usable.Count == 0)
        {
            return Nothing(most: null);
        }

        // What a walk has counted is as old as its beginning.
        long countedAt = state.LastSuccessTimestamp - (long)(state.Duration.TotalSeconds * context.Time.TimestampFrequency);
        if (!ReferenceEquals(walkedAfter, census))
        {
            (found, walked) = ([], null);
        }

        if (context.Time.GetElapsedTime(countedAt) < FreshFor)
        {
            last = [];
            return Nothing(MostElsewhere(census));
        }

        ulong? most = MostElsewhere(census);
        if (most >= NearlyFull * usable.Count && context.Time.GetElapsedTime(countedAt) >= Old && (walked is not { } before || context.Time.GetElapsedTime(before.At) >= BetweenWalks) && context.Admits(walkCost))
        {
            Walk(context, settings, census);
            most = MostElsewhere(census);
        }

        CensusReading.DestinationRow[] wanted = [.. Wanted(census)];
        ImmutableArray<CensusReading.DestinationRow>.Builder rows = ImmutableArray.CreateBuilder<CensusReading.DestinationRow>(wanted.Length);
        foreach (CensusReading.DestinationRow row in wanted)
        {
            rows.Add(LookUp(context, settings, row, isFullest: rows.Count == 0));
        }

        last = rows.MoveToImmutable();
        return new PortLookupReading
        {
            Destinations = [.. last.OrderByDescending(Held)],
            Sightings = last is [{ } fullest, ..] && Held(fullest) >= Half * usable.Count ? holders.Of(context, census, fullest) : [],
            MostElsewhere = most,
            SampledWalks = walks,
        };
    }

    public override void Close()
    {
        sockDiag?.Dispose();
        sockDiag = null;
        portSettings.Dispose();
        activeOpens.Dispose();
        holders.Dispose();
    }

    private static double Held(CensusReading.DestinationRow row) => row.Live + row.TimeWait + row.ReusableTimeWait + row.UnprovenTimeWait;

    private PortLookupReading Nothing(ulong? most) => new() { Destinations = [], Sightings = [], MostElsewhere = most, SampledWalks = walks };

    // Those of the census and of the last sampled walk, as the last look found them, the fullest first.
    private IEnumerable<CensusReading.DestinationRow> Wanted(CensusReading census) => census.Destinations.Where(row => row.Port != Labels.Other).Concat(found)
        .Select(row => last.FirstOrDefault(known => known.Key == row.Key) is { } known && Held(known) > Held(row) ? known : row)
        .Where(row => Held(row) >= From * usable.Count)
        .OrderByDescending(Held).DistinctBy(row => row.Key).Take(MostDestinations);

    // Of a destination that is not looked up: what the fullest of them held when all were counted, with the error of the count, and all that was opened since.
    private ulong? MostElsewhere(CensusReading census)
    {
        // A counter that has gone back began anew.
        if (activeOpens.Read() is not { } now || (walked is null ? census.ActiveOpens : walked.Value.Opens) is not { } before || now < before)
        {
            return null;
        }

        CensusReading.DestinationRow[] rows = [.. census.Destinations.Where(row => row.Port != Labels.Other)];
        double held = walked is { } sampled ? sampled.Most
            : Math.Max(
                rows.Where(row => Held(row) < From * usable.Count).Select(Held).DefaultIfEmpty().Max(),
                rows.Length < census.Destinations.Length ? rows.Select(Held).DefaultIfEmpty().Min() : 0)
                + census.Errors.First(error => error.Family == "conn_ephemeral_destination_ports").Error;
        return (ulong)Math.Min(usable.Count, held + (now - before) + census.Blocked);
    }

    private void Walk(CollectContext context, PortSettings settings, CensusReading census)
    {
        long at = context.Time.GetTimestamp();
        TimeSpan begin = ThreadClock.CpuTime();
        ulong? opens = activeOpens.Read();
        pauses.Begin();
        IReadOnlyList<SampledWalk.Estimate> estimates = Ask(socket => walk.Make(socket, usable, settings.Reuse, pauses));
        walks++;
        walkedAfter = census;
        found =
        [
            .. estimates.Where(estimate => estimate.Held >= From * usable.Count && !census.Destinations.Any(row => row.Key == estimate.Key && Held(row) >= From * usable.Count)).Take(MostDestinations)
                .Select(estimate => DestinationPorts.RowOf(estimate.Key, estimate.Interface, settings.Reuse.Timestamps ? null : false, estimate.Counts) with { Error = estimate.Error }),
        ];

        // What the walk has not seen at all may hold as much as none of a part allows.
        ulong unseen = PortSample.ErrorOf(0, Math.Max(1, usable.Count / PortWindows.Parts), usable.Count);
        walked = (at, estimates.Where(estimate => estimate.Held < From * usable.Count).Select(estimate => (ulong)estimate.Held + estimate.Error).Append(unseen).Max(), opens);
        walkCost = ThreadClock.CpuTime() - begin;
        context.SpendSeldom(walkCost);
    }

    private CensusReading.DestinationRow LookUp(CollectContext context, PortSettings settings, CensusReading.DestinationRow row, bool isFullest)
    {
        double share = Held(row) / usable.Count;
        Count(context, settings, row, usable.Count <= Few ? 1 : isFullest || share >= Half ? MorePorts : FewPorts, isFullest);

        // Each port as it is about to be found short, and a part of which every port is taken is no proof that all are.
        bool isAllTaken = counts.Sum() == ports.Count;
        if (isFullest && ports.Count < usable.Count && counts.Sum() >= NearlyFull * ports.Count && MayCount(context, row.Key, isAllTaken))
        {
            Count(context, settings, row, 1, isFullest);
        }

        ulong error = PortSample.ErrorOf(counts.Sum(), ports.Count, usable.Count);
        double scale = usable.Count / (double)ports.Count;
        return DestinationPorts.RowOf(row.Key, row.Interface, row.HaveTimestamps, Array.ConvertAll(counts, count => (long)Math.Round(count * scale))) with { Error = error, MayBeBound = row.MayBeBound, LikelyBound = row.LikelyBound };
    }

    private void Count(CollectContext context, PortSettings settings, CensusReading.DestinationRow row, int part, bool isFullest)
    {
        TimeSpan begin = ThreadClock.CpuTime();
        PortSample.Choose(usable, part, turn++, ports);
        Array.Clear(counts);
        holders.Begin(isFullest);
        Ask(socket =>
        {
            SocketLookup.Ask(
                socket,
                row.Key.Source,
                row.Key.Address,
                row.Key.Port,
                row.Interface,
                CollectionsMarshal.AsSpan(ports),
                (ushort _, in SocketRecord found) =>
                {
                    // A port that nothing holds but that is listened on is answered with the listener.
                    if (found.State != TcpState.Listen && found.RemotePort == row.Key.Port)
                    {
                        counts[EphemeralPorts.KindOf(found, settings.Reuse)]++;
                        holders.Note(found);
                    }
                },
                context.Answered);
            return true;
        });
        if (part == 1 && usable.Count > Few)
        {
            context.SpendSeldom(ThreadClock.CpuTime() - begin);
        }
    }

    // Once a minute, whatever the budget has left: a part tells how it goes on, but not that the last one is gone.
    private bool MayCount(CollectContext context, Destination key, bool isAllTaken)
    {
        if (counted is { } before && before.Key == key && before.IsAllTaken == isAllTaken && context.Time.GetElapsedTime(before.At) < BetweenCounts)
        {
            return isAllTaken && context.Admits(CountCost);
        }

        counted = (key, context.Time.GetTimestamp(), isAllTaken);
        return true;
    }

    private T Ask<T>(Func<NetlinkSocket, T> question)
    {
        try
        {
            return question(sockDiag ??= kernel.OpenSockDiag());
        }
        catch (KernelReadException)
        {
            // In the middle of an answer the socket is of no further use.
            sockDiag?.Dispose();
            sockDiag = null;
            throw;
        }
    }
}
