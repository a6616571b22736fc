using System.Collections.Immutable;
using System.Text;
using ConnExporter.Diagnosis;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Netlink;
using ConnExporter.Kernel.Probes;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Census;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Tests.Support;

namespace ConnExporter.Tests.Diagnosis;

/// <summary>
/// Plays readings to rules. What a test does not set was not read. Set readings, <see cref="Pass"/> time, <see cref="Judge"/>: each look takes all
/// readings as new ones, and the memory of counters and the resources go on from the looks before.
/// </summary>
internal sealed class ObservationBench
{
    /// <summary>When the machine of every test started.</summary>
    public static readonly DateTimeOffset BootTime = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly ManualTime time = new();
    private readonly Memory memory = new();
    private readonly ResourceTracker resources = new();
    private readonly Dictionary<string, ulong> counters = [];
    private readonly long began;

    public ObservationBench() => began = time.GetTimestamp();

    public Thresholds Thresholds { get; set; } = new();

    public StatesReading? States { get; set; }

    public ListenersReading? Listeners { get; set; }

    public SockStatReading? SockStat { get; set; }

    public PortsReading? Ports { get; set; }

    public CensusReading? Census { get; set; }

    public ConntrackReading? Conntrack { get; set; }

    public NeighboursReading? Neighbours { get; set; }

    public UdpReading? Udp { get; set; }

    public UnixReading? Unix { get; set; }

    public DescriptorsReading? Descriptors { get; set; }

    public ProcessesReading? Processes { get; set; }

    public SettingsReading? Settings { get; set; }

    public SymptomsReading? Symptoms { get; set; }

    /// <summary>Whether units are known to be the host's.</summary>
    public bool SeesHostCgroups { get; set; } = true;

    /// <summary>The newest observation.</summary>
    public Observation? Seen { get; private set; }

    /// <summary>Lets time pass.</summary>
    public ObservationBench Pass(TimeSpan by)
    {
        time.Advance(by);
        return this;
    }

    /// <summary>Sets a counter of the kernel's (<c>ListenOverflows</c>); those that were never set are missing on this kernel.</summary>
    public ObservationBench Count(string kernelName, ulong value)
    {
        if (!CountersReading.Tcp.Contains(kernelName) && !CountersReading.TcpExt.Contains(kernelName))
        {
            throw new ArgumentException($"{kernelName}: no collector reads it", nameof(kernelName));
        }

        counters[kernelName] = value;
        return this;
    }

    /// <summary>Sets sockets by state; states that are not given have none.</summary>
    public ObservationBench Sockets(params (TcpState State, ulong Count)[] counts)
    {
        ulong[] tally = new ulong[TcpTable.StateCount];
        foreach ((TcpState state, ulong count) in counts)
        {
            tally[(int)state] = count;
        }

        States = new StatesReading(KernelSource.OwnNamespace, tally, StatesReading.SockDiag);
        return this;
    }

    /// <summary>Sets the listeners.</summary>
    public ObservationBench Listening(params ListenersReading.Row[] rows)
    {
        Listeners = new ListenersReading(KernelSource.OwnNamespace, rows);
        return this;
    }

    /// <summary>Sets the range of ephemeral ports and what is reserved, as the sysctl shows it.</summary>
    public ObservationBench Range(ushort first, ushort last, string reserved = "")
    {
        Ports = new PortsReading(KernelSource.OwnNamespace, new PortRange(first, last), PortSet.Parse("reserved", Encoding.ASCII.GetBytes(reserved + "\n")));
        return this;
    }

    /// <summary>Sets the connection tracking table.</summary>
    public ObservationBench Tracked(ulong count, ulong? max = 262_144, ulong? buckets = 65_536, ulong? drops = 0, ulong? earlyDrops = 0, ulong? insertFailed = 0, ulong? chains = 0, NatPorts? nat = null)
    {
        var statistics = new ConntrackStatistics(drops, earlyDrops, insertFailed, Invalid: 0, ClashesResolved: 0, ChainsTooLong: chains, SearchRestarts: 0);
        Conntrack = new ConntrackReading(KernelSource.OwnNamespace, count, max, buckets, statistics) { Nat = nat };
        return this;
    }

    /// <summary>Sets the descriptors of the host.</summary>
    public ObservationBench OpenFiles(ulong allocated, ulong limit, ulong? perProcess = 1_048_576)
    {
        Descriptors = new DescriptorsReading(new FileCounts(allocated, limit), perProcess);
        return this;
    }

    /// <summary>Sets the groups of processes.</summary>
    public ObservationBench Running(params ProcessesReading.Row[] rows)
    {
        Processes = new ProcessesReading(rows, seen: rows.Length, unreadable: 0);
        return this;
    }

    /// <summary>Sets orphans, memory (in pages) and limits.</summary>
    public ObservationBench Memory(ulong orphans = 0, ulong pages = 100, ulong? maxOrphans = 65_536, MemoryLimits? limits = null, ulong? maxTimeWait = 131_072)
    {
        SockStat = new SockStatReading(
            KernelSource.OwnNamespace, new SockStat(InUse: 10, orphans, TimeWait: 0, pages), limits ?? new MemoryLimits(90_000, 120_000, 180_000), maxOrphans, maxTimeWait);
        return this;
    }

    /// <summary>A census of what is given, and of nothing else.</summary>
    public static CensusReading CensusOf(
        ImmutableArray<CensusReading.DestinationRow>? destinations = null,
        ImmutableArray<CensusReading.ListenerRow>? listeners = null,
        ImmutableArray<CensusReading.ProcessRow>? processes = null,
        ImmutableArray<CensusReading.StateRow>? units = null,
        ImmutableArray<CensusReading.SightingRow>? sightings = null,
        ImmutableArray<CensusReading.RemoteRow>? remotes = null,
        ImmutableArray<CensusReading.StateRow>? remotePorts = null,
        ulong inbound = 0,
        ulong outbound = 0,
        ulong blocked = 0,
        ulong? inUse = null,
        PortAnswer anybody = PortAnswer.Unknown,
        ulong refused = 0,
        TimeSpan? timeWaitLength = null,
        ulong notReading = 0,
        ulong zeroWindow = 0,
        TimeSpan? oldestCloseWait = null,
        (ulong Minute, ulong TenMinutes, ulong Hour)? idle = null,
        AgeCounts? closeWaitAges = null,
        ulong unread = 0,
        CensusReading.UnansweredConnects? unanswered = null,
        ImmutableArray<CensusReading.HolderRow>? holders = null,
        ImmutableArray<CensusReading.ConnectingRow>? connecting = null,
        ImmutableArray<ulong>? states = null,
        bool? isAttributionComplete = null) => new()
        {
            States = states ?? [],
            IsAttributionComplete = isAttributionComplete,
            Namespace = KernelSource.OwnNamespace,
            Inbound = inbound,
            Outbound = outbound,
            Listening = (ulong)(listeners?.Length ?? 0),
            ReceivedBytes = 0,
            SentBytes = 0,
            NotReading = notReading,
            ZeroWindow = zeroWindow,
            OldestCloseWait = oldestCloseWait ?? closeWaitAges?.Oldest,
            CloseWaitAges = closeWaitAges,
            Unread = unread,
            Unanswered = unanswered,
            Holders = holders ?? [],
            Connecting = connecting ?? [],
            IdleSockets = idle,
            InUse = inUse ?? blocked,
            Anybody = anybody,
            Refused = refused,
            TimeWaitLength = timeWaitLength,
            Blocked = blocked,
            Worst = blocked + (destinations ?? []).Select(row => row.Live + row.TimeWait).DefaultIfEmpty().Max(),
            Destinations = destinations ?? [],
            Listeners = listeners ?? [],
            Units = units ?? [],
            Processes = processes ?? [],
            Covered = null,
            Sightings = sightings ?? [],
            Remotes = remotes ?? [],
            RemotePorts = remotePorts ?? [],
            Errors = [],
        };

    /// <summary>UDP sockets as they are given, and of each counter of IPv4 and IPv6 0.</summary>
    public static UdpReading UdpOf(
        ImmutableArray<UdpPortUse>? ports = null,
        int? usable = 1000,
        ImmutableArray<UdpReading.DestinationRow>? destinations = null,
        ImmutableArray<UdpReading.UnitRow>? units = null,
        ImmutableArray<UdpReading.HolderRow>? holders = null,
        ImmutableArray<UdpReading.ReceiverRow>? receivers = null,
        ulong receiveErrors = 0) => new(KernelSource.OwnNamespace, new ulong[UdpReading.Families * UdpReading.States])
        {
            Ports = ports ?? [],
            Usable = usable,
            Destinations = destinations ?? [],
            Units = units ?? [],
            Holders = holders ?? [],
            Receivers = receivers ?? [],
            Counters = new UdpCounts([.. UdpCounters.Names.Select(name => name == "RcvbufErrors" ? receiveErrors : (ulong?)0)], [.. UdpCounters.Names.Select(_ => (ulong?)0)], MemoryPages: 1, new MemoryLimits(1000, 2000, 3000)),
        };

    /// <summary>Unix sockets as they are given.</summary>
    public static UnixReading UnixOf(ImmutableArray<UnixReading.ListenerRow>? listeners = null, ImmutableArray<UnixReading.ReceiverRow>? receivers = null, int unasked = 0) => new(KernelSource.OwnNamespace)
    {
        ListenerCount = listeners?.Length ?? 0,
        ReceiverCount = receivers?.Length ?? 0,
        DatagramLimit = 10,
        UnaskedReceivers = unasked,
        Listeners = listeners ?? [],
        Receivers = receivers ?? [],
    };

    /// <summary>What was counted in the kernel: connects without a port by process and unit, and to one port, and descriptors that were refused.</summary>
    public static SymptomsReading SymptomsOf((string Process, string Unit, ulong Count)[] connects, string port, ulong toPort, (string Process, string Unit, ulong Count)[]? descriptors = null) => new()
    {
        Connects = [.. connects.Select(row => (new SymptomLabels(row.Process, row.Unit, "no_port"), row.Count)), (new SymptomLabels("curl", "none", "refused"), 99)],
        ConnectPorts = toPort > 0 ? [(new SymptomLabels(port, "no_port"), toPort), (new SymptomLabels("443", "refused"), 99)] : [],
        Closes = [],
        Accepted = [],
        Accepts = [],
        Descriptors = [.. (descriptors ?? []).Select(row => (new SymptomLabels(row.Process, row.Unit), row.Count))],
        Binds = [],
        Hooks = [],
        Lost = 0,
    };

    /// <summary>Looks, with every reading that is set as if taken this moment.</summary>
    public Observation Look()
    {
        TimeSpan now = time.GetElapsedTime(began);
        memory.Begin(now);
        long timestamp = time.GetTimestamp();
        IEnumerable<Reading?> readings =
        [
            States, Listeners, SockStat, Ports, Census, Conntrack, Neighbours, Udp, Unix, Descriptors, Processes, Settings, Symptoms,
            counters.Count == 0 ? null : new CountersReading(KernelSource.OwnNamespace, Values(CountersReading.Tcp), Values(CountersReading.TcpExt)),
            new SelfReading(default, (ulong)BootTime.ToUnixTimeSeconds(), open: 100, limit: 1024) { SeesHostCgroups = SeesHostCgroups },
        ];
        Snapshot snapshot = Snapshot.Empty with
        {
            Collectors =
            [
                .. readings.OfType<Reading>().Select(reading => new CollectorState
                {
                    Name = reading.GetType().Name,
                    Interval = TimeSpan.FromSeconds(1),
                    Outcome = Outcome.Ok,
                    Reading = reading,
                    LastSuccess = time.GetUtcNow(),
                    LastSuccessTimestamp = timestamp,
                }),
            ],
        };
        Seen = Observation.Of(snapshot, time.GetUtcNow(), Thresholds, _ => memory).Single();
        Seen.Resources = resources.Follow(now, isOwn: true, ResourceReadings.Of(Seen));
        return Seen;

        ulong?[] Values(string[] all) => [.. all.Select(name => counters.TryGetValue(name, out ulong value) ? value : (ulong?)null)];
    }

    /// <summary>Looks and asks a rule.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="held">The severity that its finding has so far.</param>
    public Verdict? Judge(Rule rule, Severity? held = null) => rule.Judge(Look(), held);
}
