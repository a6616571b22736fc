using System.Collections;
using ConnExporter.Kernel;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;

namespace ConnExporter.Sampling.Census;

/// <summary>
/// Which of the ports in use did bind() take from everybody? No record shows it. Where most of the range is in use, the kernel is asked
/// (<see cref="PortProbe"/>): port by port where it can be (Linux 6.3), those first that would settle the fullest destinations, until each has one that
/// it may have; else for the whole range. Four attempts a walk at most get beyond the choice of a port. For one thread.
/// </summary>
internal sealed class PortInquiry
{
    /// <summary>Share of the usable ports in use from which the kernel is asked.</summary>
    public const double From = 0.8;

    // A refused question takes 2 µs.
    private const int MostAsked = 512;
    private const int KeptForUnused = 64;

    // Each is an attempt that the kernel counts.
    private const int MostFound = 4;
    private static readonly TimeSpan MostCpu = TimeSpan.FromMilliseconds(100);

    private readonly BitArray refused = new(ushort.MaxValue + 1);
    private readonly List<Row> rows = [];
    private readonly List<ushort> candidates = [];
    private readonly List<ushort> found = [];
    private int nextCandidate;
    private int asked;
    private bool sparesConnectsHalf;
    private bool sparesBindsHalf;

    /// <summary>What a destination that nobody is connected to would get.</summary>
    public PortAnswer Anybody { get; private set; }

    /// <summary>Ports that the kernel refused in the last walk, besides those that are known to be blocked.</summary>
    public int Refused { get; private set; }

    /// <summary>Where the questions are counted: those of the network namespace that is asked.</summary>
    public PortAnswers Answers { get; set; } = new();

    /// <summary>Whether so much is in use that it matters who took it.</summary>
    public static bool Matters(EphemeralPorts ports) => ports.IsUsableKnown && ports.Usable > 0 && ports.InUse >= From * ports.Usable;

    /// <summary>Starts anew after a walk.</summary>
    public void Begin()
    {
        rows.Clear();
        refused.SetAll(false);
        found.Clear();
        (Anybody, Refused, asked) = (PortAnswer.Unknown, 0, 0);
    }

    /// <summary>Takes in a destination of which it is not settled whether ports are left.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="timestamps">Whether its connections have timestamps; null where that is not known.</param>
    /// <returns>False where enough were taken in.</returns>
    public bool TryAdd(in Destination destination, bool? timestamps)
    {
        if (rows.Count == SockDiagRequest.MostEnds)
        {
            return false;
        }

        rows.Add(new Row(destination, timestamps));
        return true;
    }

    /// <summary>Looks which ports the destinations that were taken in hold: one walk for all of them, as the kernel goes over its whole table for one too.</summary>
    /// <param name="socket">A sock_diag socket with no dump in progress.</param>
    /// <param name="ports">What the walk saw.</param>
    public void Look(NetlinkSocket socket, EphemeralPorts ports)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var dump = new SockDiagDump(socket, new SockDiagRequest(SockDiagRequest.AllStates) { To = [.. rows.Select(row => (row.Destination.Address, row.Destination.Port)).Distinct()] });
        while (dump.TryRead(out SocketRecord record))
        {
            if (ports.IsUsable(record.LocalPort) && Find(new Destination(record.LocalAddress, record.RemoteAddress, record.RemotePort)) is { } row)
            {
                bool mayBeTakenOver = record.State == TcpState.TimeWait && ports.Reuse.Permits(record) && row.Timestamps is not false;
                (mayBeTakenOver ? row.Waiting : row.Held)[record.LocalPort] = true;
                row.Count++;
            }
        }
    }

    /// <summary>Asks the kernel.</summary>
    /// <param name="open">Gets a probe ready; null where the kernel is not to be asked.</param>
    /// <param name="ports">What the walk saw.</param>
    /// <param name="listeners">Who listens.</param>
    public void Ask(Func<ushort, PortProbe?>? open, EphemeralPorts ports, ListenerSockets listeners)
    {
        FindSpares(ports);
        if (open is null)
        {
            return;
        }

        ushort? unheard = Unheard(ports, listeners);
        TimeSpan end = ThreadClock.CpuTime() + MostCpu;
        Choose(ports);
        do
        {
            using PortProbe? probe = unheard is { } port ? open(port) : null;
            if (probe is null)
            {
                Answers.Add(PortAnswer.Unknown);
                return;
            }

            PortAnswer? one = AskOneByOne(probe, ports, end);
            PortAnswer answer = one ?? (found.Count == 0 ? AskForAny(probe, ports) : PortAnswer.Found);
            Answers.Unanswered += probe.Attempted && answer == PortAnswer.Unknown ? 1u : 0u;
            Anybody = found.Count > 0 ? PortAnswer.Found : answer;
            if (one != PortAnswer.Found)
            {
                return;
            }
        }
        while (found.Count < MostFound && rows.Exists(row => !IsSettled(row, ports)));
    }

    /// <summary>What is known of a destination.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="ports">What the walk saw.</param>
    /// <param name="wasAsked">Whether its ports were looked at; otherwise only <see cref="PortEvidence.Room"/> says something.</param>
    public PortEvidence Of(in Destination destination, EphemeralPorts ports, out bool wasAsked)
    {
        Row? row = Find(destination);
        wasAsked = row is not null;
        PortEvidence evidence = row is null ? new PortEvidence(MayPassOver: ports.HasUnusedEnd) : Weigh(row, ports);
        return Anybody == PortAnswer.None ? evidence with { Room = PortAnswer.None } : evidence;
    }

    private Row? Find(in Destination destination)
    {
        foreach (Row row in rows)
        {
            if (row.Destination == destination)
            {
                return row;
            }
        }

        return null;
    }

    private PortEvidence Weigh(Row row, EphemeralPorts ports)
    {
        int bound = 0;
        int likely = 0;
        int open = 0;
        int undecided = 0;
        bool all = true;
        bool mayPassOver = false;
        for (int number = ports.Range.First; number <= ports.Range.Last; number++)
        {
            ushort port = (ushort)number;
            if (!ports.IsUsable(port) || ports.IsBlocked(port) || row.Held[port])
            {
                continue;
            }

            if (refused[port])
            {
                bound++;
                continue;
            }

            all = false;
            if (row.Waiting[port] && row.Timestamps is null)
            {
                // Counted as what it is: a TIME_WAIT socket of which nothing is known.
                continue;
            }

            if (found.Contains(port) || !ports.IsInUse(port))
            {
                mayPassOver |= ports.IsEnd(port);
                continue;
            }

            open++;
            bool bindsHalf = ports.IsOfBindsHalf(port);
            likely += bindsHalf && sparesConnectsHalf ? 1 : 0;
            undecided += bindsHalf ? (sparesConnectsHalf ? 0 : 1) : (sparesBindsHalf ? 0 : 1);
        }

        // Where the halves do not tell, the ports that were asked for stand for the others: of those that the destination does not hold.
        int free = found.Count(port => IsFor(row, port));
        int answers = bound + free;
        double? share = answers > 0 ? bound / (double)answers : undecided == 0 ? 0 : null;
        return new PortEvidence(bound, open, share is { } part ? likely + (int)Math.Round(part * undecided) : null, all ? PortAnswer.None : IsSettled(row, ports) ? PortAnswer.Found : PortAnswer.Unknown, mayPassOver);
    }

    private static bool IsFor(Row row, ushort port) => !row.Held[port] && !(row.Waiting[port] && row.Timestamps is null);

    // Of the two ends of a range of an odd number connect() passes over one.
    private bool IsSettled(Row row, EphemeralPorts ports) => found.Exists(port => IsFor(row, port) && !ports.IsEnd(port)) || found.Count(port => IsFor(row, port)) > 1;

    // The kernel without the option answers null, as does a list that came to no end. Once a port is found, those are asked for that others lack.
    private PortAnswer? AskOneByOne(PortProbe probe, EphemeralPorts ports, TimeSpan end)
    {
        while (nextCandidate < candidates.Count)
        {
            ushort port = candidates[nextCandidate++];
            if (found.Count > 0 && !rows.Exists(row => !IsSettled(row, ports) && IsFor(row, port)))
            {
                continue;
            }

            if (asked == MostAsked || ThreadClock.CpuTime() >= end || !probe.TryNarrow(new PortRange(port, port)))
            {
                return null;
            }

            PortAnswer answer = probe.Ask();
            Answers.Add(answer);
            if (answer == PortAnswer.Unknown)
            {
                return answer;
            }

            asked++;
            if (answer == PortAnswer.Found)
            {
                found.Add(port);
                return answer;
            }

            refused[port] = true;
            Refused++;
        }

        return null;
    }

    // A socket with a range of its own looks at every port of it. Without one an odd number hides an end, and a refusal is none for certain.
    private PortAnswer AskForAny(PortProbe probe, EphemeralPorts ports)
    {
        bool looksAtAll = probe.TryNarrow(ports.Range) || !(IsOpenEnd(ports.Range.First) || IsOpenEnd(ports.Range.Last));
        PortAnswer answer = probe.Ask();
        Answers.Add(answer);
        if (answer != PortAnswer.None || looksAtAll)
        {
            return answer;
        }

        Refused = ports.Usable - ports.Blocked - 1;
        return PortAnswer.Unknown;

        bool IsOpenEnd(ushort port) => ports.IsEnd(port) && ports.IsUsable(port) && !ports.IsBlocked(port);
    }

    // Those that are nobody's or another's, at random within what they would settle: where they are too many, those asked for stand for the rest. The
    // ends of a range of an odd number last: one of them settles nothing.
    private void Choose(EphemeralPorts ports)
    {
        candidates.Clear();
        nextCandidate = 0;
        if (rows.Count == 0)
        {
            return;
        }

        var used = new List<(ushort Port, int Settles)>();
        var unused = new List<ushort>();
        for (int number = ports.Range.First; number <= ports.Range.Last; number++)
        {
            ushort port = (ushort)number;
            if (!ports.IsUsable(port) || ports.IsBlocked(port))
            {
                continue;
            }

            int settles = 0;
            foreach (Row row in rows)
            {
                settles += IsFor(row, port) ? 1 + row.Count : 0;
            }

            if (!ports.IsInUse(port))
            {
                unused.Add(port);
            }
            else if (settles > 0)
            {
                used.Add((port, settles));
            }
        }

        (ushort Port, int Settles)[] shuffled = [.. used];
        Random.Shared.Shuffle(shuffled);
        candidates.AddRange(shuffled.OrderBy(one => ports.IsEnd(one.Port)).ThenByDescending(one => one.Settles).Take(MostAsked - KeptForUnused).Select(one => one.Port));
        candidates.AddRange(unused.OrderBy(port => ports.IsEnd(port)).Take(KeptForUnused));
    }

    // Each side turns to the other's half when its own has nothing left.
    private void FindSpares(EphemeralPorts ports)
    {
        (sparesConnectsHalf, sparesBindsHalf) = (false, false);
        for (int number = ports.Range.First; number <= ports.Range.Last && !(sparesConnectsHalf && sparesBindsHalf); number++)
        {
            ushort port = (ushort)number;
            if (ports.IsUsable(port) && !ports.IsInUse(port))
            {
                bool bindsHalf = ports.IsOfBindsHalf(port);
                sparesBindsHalf |= bindsHalf;
                sparesConnectsHalf |= !bindsHalf;
            }
        }
    }

    // From 9 on, which is discard and hardly ever served: nobody listens there, on whatever address, or a wildcard listener would accept what comes to it.
    private static ushort? Unheard(EphemeralPorts ports, ListenerSockets listeners)
    {
        for (ushort port = 9; port < ushort.MaxValue; port++)
        {
            if (!listeners.IsListened(port) && !ports.IsUsable(port))
            {
                return port;
            }
        }

        return null;
    }

    private sealed class Row(Destination destination, bool? timestamps)
    {
        public Destination Destination { get; } = destination;

        public bool? Timestamps { get; } = timestamps;

        public BitArray Held { get; } = new(ushort.MaxValue + 1);

        public BitArray Waiting { get; } = new(ushort.MaxValue + 1);

        /// <summary>Ports that it holds: the more, the more it depends on the others.</summary>
        public int Count { get; set; }
    }
}

/// <summary>What is known of the ports that a destination does not hold itself.</summary>
/// <param name="Bound">Those of which the kernel said that they are closed to every connect().</param>
/// <param name="MayBeBound">Those in use of which it is not known.</param>
/// <param name="LikelyBound">How many of these that is likely of; null where nothing tells.</param>
/// <param name="Room">Whether connect() finds a port for this destination, as far as the kernel was asked.</param>
/// <param name="MayPassOver">Whether connect() may pass over a port that is free: an end of a range of an odd number.</param>
internal readonly record struct PortEvidence(int Bound = 0, int MayBeBound = 0, int? LikelyBound = null, PortAnswer Room = PortAnswer.Unknown, bool MayPassOver = false);
