using System.Collections.Immutable;
using System.Globalization;
using ConnExporter.Diagnosis.Resources;
using ConnExporter.Kernel.Namespaces;
using ConnExporter.Kernel.Proc;
using ConnExporter.Kernel.Sources;
using ConnExporter.Sampling;
using ConnExporter.Sampling.Collectors;
using ConnExporter.Sampling.Holders;
using ConnExporter.Sampling.Tuning;

namespace ConnExporter.Diagnosis;

/// <summary>What rules look at: the readings of one network namespace, its resources, and what is remembered of the last minutes.</summary>
internal sealed class Observation
{
    // snmp and netstat count in words of the kernel's.
    private static readonly bool IsNarrow = nint.Size < sizeof(ulong);
    private readonly Dictionary<Reading, long> timestamps;
    private readonly ImmutableArray<CollectorState> collectors;
    private readonly Dictionary<(string, string), CensusReading.ListenerRow> listeners;

    private Observation(string netns, DateTimeOffset at, Thresholds thresholds, Memory memory, Dictionary<Reading, long> timestamps, CensusReading? census, ImmutableArray<CollectorState> collectors, Observation? host)
    {
        Netns = netns;
        At = at;
        Thresholds = thresholds;
        Memory = memory;
        this.timestamps = timestamps;
        this.collectors = collectors;
        Census = census;
        Host = host ?? this;
        listeners = census is null ? [] : census.Listeners.ToDictionary(row => (row.Address, row.Port));
    }

    /// <summary>The network namespace as the page names it.</summary>
    public string Netns { get; }

    /// <summary>What <c>nsenter --net=</c> takes to get there; null for our own, and where it may not be seen.</summary>
    public string? NamespacePath { get; private init; }

    /// <summary>When it was observed.</summary>
    public DateTimeOffset At { get; }

    public Thresholds Thresholds { get; }

    public Memory Memory { get; }

    /// <summary>The observation of our own namespace, with what is the whole host's.</summary>
    public Observation Host { get; }

    /// <summary>Whether it is our own namespace.</summary>
    public bool IsOwn => ReferenceEquals(Host, this);

    /// <summary>The resources, once they were measured.</summary>
    public ImmutableArray<Resource> Resources { get; set; } = [];

    // Null where it was not read.
    public StatesReading? States { get; private init; }

    public CountersReading? Counters { get; private init; }

    public ListenersReading? Listeners { get; private init; }

    public SockStatReading? SockStat { get; private init; }

    public PortsReading? Ports { get; private init; }

    public CensusReading? Census { get; }

    /// <summary>What was looked up of the fullest destinations since the census; null where nothing was.</summary>
    public PortLookupReading? PortLookup { get; private init; }

    /// <summary>Ports by destination as they are known best: those of the census, and in their place what was looked up since.</summary>
    public ImmutableArray<CensusReading.DestinationRow> Destinations => PortLookup is not { Destinations: { IsEmpty: false } newer } ? Census?.Destinations ?? []
        : [.. newer, .. (Census?.Destinations ?? []).Where(row => row.Port == Labels.Other || !newer.Any(other => other.Key == row.Key))];

    public ConntrackReading? Conntrack { get; private init; }

    public NeighboursReading? Neighbours { get; private init; }

    public UdpReading? Udp { get; private init; }

    public UnixReading? Unix { get; private init; }

    public DescriptorsReading? Descriptors { get; private init; }

    public ProcessesReading? Processes { get; private init; }

    public SettingsReading? Settings { get; private init; }

    /// <summary>What programs in the kernel have counted, of the whole host; null where they are off.</summary>
    public SymptomsReading? Symptoms { get; private init; }

    /// <summary>Whether units are those of the host's system manager: false where we look out of a cgroup namespace of its own, and where it is not known.</summary>
    public bool SeesHostCgroups { get; private init; }

    // The sysctls of another namespace. They are not audited: who runs a container seldom chose them.
    private SettingsReading? InForce { get; init; }

    private ulong? BootTime { get; init; }

    /// <summary>Who runs in another namespace; null in our own, and where that may not be seen.</summary>
    public NamespaceInhabitants? Inhabitants { get; private init; }

    // A process in another namespace; 0 where none is known.
    private int ProcessId { get; init; }

    /// <summary>Everything that a snapshot shows: our own namespace first, then those of the others that were read in full.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="at">Its time.</param>
    /// <param name="thresholds">What is a finding.</param>
    /// <param name="memoryOf">What is remembered of a namespace.</param>
    public static IEnumerable<Observation> Of(Snapshot snapshot, DateTimeOffset at, Thresholds thresholds, Func<string, Memory> memoryOf)
    {
        var takenAt = new Dictionary<Reading, long>(ReferenceEqualityComparer.Instance);
        foreach (CollectorState state in snapshot.Collectors)
        {
            if (state.Reading is { } reading)
            {
                takenAt.Add(reading, state.LastSuccessTimestamp);
            }
        }

        T? Find<T>()
            where T : Reading
        {
            foreach (Reading reading in takenAt.Keys)
            {
                if (reading is T found)
                {
                    return found;
                }
            }

            return null;
        }

        const string Own = KernelSource.OwnNamespace;
        var own = new Observation(Own, at, thresholds, memoryOf(Own), takenAt, Find<CensusReading>(), snapshot.Collectors, host: null)
        {
            States = Find<StatesReading>(),
            Counters = Find<CountersReading>(),
            Listeners = Find<ListenersReading>(),
            SockStat = Find<SockStatReading>(),
            Ports = Find<PortsReading>(),
            PortLookup = Find<PortLookupReading>(),
            Conntrack = Find<ConntrackReading>(),
            Neighbours = Find<NeighboursReading>(),
            Udp = Find<UdpReading>(),
            Unix = Find<UnixReading>(),
            Descriptors = Find<DescriptorsReading>(),
            Processes = Find<ProcessesReading>(),
            Settings = Find<SettingsReading>(),
            Symptoms = Find<SymptomsReading>(),
            BootTime = Find<SelfReading>()?.BootTime,
            SeesHostCgroups = Find<SelfReading>()?.SeesHostCgroups == true,
        };
        own.Remember();
        yield return own;
        if (Find<NamespacesReading>() is not { } namespaces)
        {
            yield break;
        }

        foreach (NamespacesReading.Row row in namespaces.Rows.Where(row => row.InFull))
        {
            NamespaceReadings readings = row.Readings;
            foreach (Reading reading in new Reading?[] { readings.Counters, readings.Listeners, readings.Limits, readings.Ports, readings.Conntrack, readings.Unix }.OfType<Reading>())
            {
                takenAt[reading] = readings.LookedAt;
            }

            foreach (Reading reading in new Reading?[] { readings.States, readings.Census, readings.Udp }.OfType<Reading>())
            {
                takenAt[reading] = readings.WalkedAt;
            }

            var other = new Observation(row.Name, at, thresholds, memoryOf(row.Name), takenAt, readings.Census, [], own)
            {
                NamespacePath = row.Path,
                States = readings.States,
                Counters = readings.Counters,
                Listeners = readings.Listeners,
                SockStat = readings.Limits,
                Ports = readings.Ports,
                Conntrack = readings.Conntrack,
                Udp = readings.Udp,
                Unix = readings.Unix,
                ProcessId = row.ProcessId,
                InForce = readings.Settings,
                Inhabitants = row.Inhabitants,
            };
            other.Remember();
            yield return other;
        }
    }

    /// <summary>The monotonic time at which a reading was taken.</summary>
    public long TimestampOf(Reading reading) => timestamps[reading];

    /// <summary>The value in force of a sysctl here, numbers with single blanks between them; null where it was not read. What collectors read each second goes before what is audited each minute.</summary>
    /// <param name="name">As sysctl has it.</param>
    public string? SettingOf(string name) => name switch
    {
        SettingCatalogue.FileMax => Text(Host.Descriptors?.Counts.Limit),
        SettingCatalogue.NrOpen => Text(Host.Descriptors?.HighestProcessLimit),
        SettingCatalogue.MaxOrphans => Text(Host.SockStat?.MaxOrphans),
        SettingCatalogue.PacketBacklog => Text(Host.SockStat?.BacklogLimit),
        SettingCatalogue.MaxTimeWait => Text(SockStat?.MaxTimeWait),
        SettingCatalogue.ConntrackMax => Text(Conntrack?.Max ?? Host.Conntrack?.Max),
        SettingCatalogue.ConntrackBuckets => Text(Conntrack?.BucketCount ?? Host.Conntrack?.BucketCount),
        SettingCatalogue.TcpMemory => Host.SockStat?.Limits is { } limits ? string.Create(CultureInfo.InvariantCulture, $"{limits.LowPages} {limits.PressurePages} {limits.LimitPages}") : null,
        SettingCatalogue.PortRange => Ports is { Range: var range } ? string.Create(CultureInfo.InvariantCulture, $"{range.First} {range.Last}") : null,
        SettingCatalogue.ReservedPorts => Ports?.Reserved.ToString(),
        _ => null,
    }
    ?? (IsOwn || SettingCatalogue.IsOfHost(name) ? Host.Settings : InForce)?.Text(name);

    /// <summary>The value in force of a sysctl that is one number.</summary>
    public ulong? NumberOf(string name) => ulong.TryParse(SettingOf(name), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>The resource of a kind; null where none was measured.</summary>
    public Resource? Find(ResourceKind kind) => Resources.FirstOrDefault(resource => resource.Kind == kind);

    /// <summary>How something that verdicts rest on stands.</summary>
    public InputState StateOf(Input input)
    {
        if (!IsOwn)
        {
            return input.IsKnown(this) ? InputState.Known : InputState.Missing;
        }

        CollectorState? collector = collectors.FirstOrDefault(state => state.Name == input.Collector);
        return collector is null ? InputState.SwitchedOff
            : input.MayBeAbsent && collector.Outcome == Outcome.Absent ? InputState.NotHere
            : collector.Outcome == Outcome.Ok && input.IsKnown(this) ? InputState.Known
            : InputState.Missing;
    }

    /// <summary>What the census knows of a listener.</summary>
    public CensusReading.ListenerRow? ListenerOf(string address, string port) => listeners.GetValueOrDefault((address, port));

    /// <summary>The process that holds a listener; null where it is not known.</summary>
    public Holder? HolderOfListener(string address, string port) => ListenerOf(address, port) is { } row && (row.Process != Labels.Unknown || row.Unit != Labels.None)
        ? Holder.Of(row.Process, row.Unit) with { ProcessId = row.Owner?.Pid, StartedAt = StartOf(row.Owner?.StartTicks) }
        : null;

    /// <summary>Who serves a listener, and, where that is another, who else holds it and is likely to have made it.</summary>
    public IEnumerable<Holder> HoldersOfListener(string address, string port)
    {
        if (HolderOfListener(address, port) is not { } server)
        {
            yield break;
        }

        yield return server;
        foreach (Holder maker in MakerOf(ListenerOf(address, port)?.Holding))
        {
            yield return maker;
        }
    }

    /// <summary>Who serves a socket that listens or receives, and, where that is another, who is likely to have made it; nobody where that is not known.</summary>
    public IEnumerable<Holder> HoldersOf(ListenerHolding? holding) => holding is null ? [] : [Holder.Of(holding.Server, StartOf(holding.Server.StartTicks)), .. MakerOf(holding)];

    private IEnumerable<Holder> MakerOf(ListenerHolding? holding) =>
        holding is { Maker: { } maker } && (maker.Name != holding.Server.Name || maker.Unit != holding.Server.Unit) ? [Holder.Of(maker, StartOf(maker.StartTicks))] : [];

    /// <summary>Who was seen to connect to a destination, most often first.</summary>
    public IEnumerable<Holder> HoldersOfDestination(string address, string port) => (Census?.Sightings ?? []).Concat(PortLookup?.Sightings ?? [])
        .Where(row => row.Address == address && row.Port == port && (row.Process != Labels.Unknown || row.Unit != Labels.None))
        .OrderByDescending(row => row.Count)
        .Select(row => Holder.Of(row.Process, row.Unit) with { ProcessId = row.Owner?.Pid, StartedAt = StartOf(row.Owner?.StartTicks) });

    /// <summary>The first of them; null where nobody was seen.</summary>
    public Holder? HolderOfDestination(string address, string port) => HoldersOfDestination(address, port).FirstOrDefault();

    /// <summary>When a process started, from its ticks after boot.</summary>
    public DateTimeOffset? StartOf(ulong? startTicks) => startTicks is { } ticks && Host.BootTime is { } boot
        ? DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(boot + (ticks / (double)SystemClock.TicksPerSecond))
        : null;

    /// <summary>A command as it must be typed to take effect in this network namespace, of which a process or a path is known.</summary>
    public ShellCommand Inside(ShellCommand command) => IsOwn ? command
        : ProcessId > 0 ? command.RunBy("nsenter", "-t", ProcessId.ToString(CultureInfo.InvariantCulture), "-n")
        : command.RunBy("nsenter", $"--net={NamespacePath}");

    private static string? Text(ulong? number) => number?.ToString(CultureInfo.InvariantCulture);

    private void Remember()
    {
        foreach ((string name, ulong? value) in Counters?.All ?? [])
        {
            Memory.Count(name, value, IsNarrow);
        }

        // 32 bits for each CPU (struct ip_conntrack_stat).
        Memory.Count("conntrack.drops", Conntrack?.Statistics?.Drops, isNarrow: true);
        Memory.Count("conntrack.early_drops", Conntrack?.Statistics?.EarlyDrops, isNarrow: true);
        Memory.Count("conntrack.insert_failed", Conntrack?.Statistics?.InsertFailed, isNarrow: true);
        Memory.Count("conntrack.chains_too_long", Conntrack?.Statistics?.ChainsTooLong, isNarrow: true);
        Memory.Count("conntrack.clashes_resolved", Conntrack?.Statistics?.ClashesResolved, isNarrow: true);
        Memory.Count(SoftnetDrops, SockStat?.Softnet?.Dropped, isNarrow: true);
        Memory.Count(SoftnetSqueezes, SockStat?.Softnet?.Squeezed, isNarrow: true);
        foreach (NeighboursReading.Table table in Neighbours?.Tables ?? [])
        {
            Memory.Count(FullOf(table), table.Counts.TableFulls);
        }

        foreach (ListenersReading.Row row in Listeners?.Rows ?? [])
        {
            Memory.Count(DropsOf(row), row.Drops);
        }

        foreach ((string family, string name, ulong? value) in Udp?.Counters.All ?? [])
        {
            Memory.Count(UdpCounterOf(family, name), value, IsNarrow);
        }

        foreach (UdpReading.ReceiverRow row in Udp?.Receivers ?? [])
        {
            // A socket that has dropped nothing and holds nothing has no row: the first drops are a rise.
            if (row is { HasDroppedSince: true, Drops: { } drops })
            {
                Memory.CountFromFirst(DropsOf(row), drops);
            }
            else
            {
                Memory.Count(DropsOf(row), row.Drops);
            }
        }

        SymptomProof.Remember(Memory, Symptoms);
        Memory.Count(UnansweredProbes, Census?.Probes is null ? null : Census.UnansweredProbes);
        Memory.Gauge("established", States?[Kernel.Netlink.TcpState.Established]);
        Memory.Gauge("close_wait", States?[Kernel.Netlink.TcpState.CloseWait]);
        Memory.Gauge("idle", Census?.IdleSockets?.TenMinutes);
    }

    /// <summary>The name that our own attempts to connect are remembered by that were counted as opened and not as failed.</summary>
    public const string UnansweredProbes = "probes without an answer";

    /// <summary>The name that packets are remembered by which processors dropped before any protocol saw them.</summary>
    public const string SoftnetDrops = "softnet.drops";

    /// <summary>The name that it is remembered by how often a processor had packets left when its time was up.</summary>
    public const string SoftnetSqueezes = "softnet.squeezes";

    /// <summary>The name that it is remembered by how often a table of neighbours had no room.</summary>
    public static string FullOf(NeighboursReading.Table table) => $"neighbours.{table.Family}.table_fulls";

    /// <summary>The name that a counter of UDP is remembered by.</summary>
    /// <param name="family"><c>ipv4</c> or <c>ipv6</c>.</param>
    /// <param name="name">The kernel's name.</param>
    public static string UdpCounterOf(string family, string name) => $"udp.{family}.{name}";

    /// <summary>The name that the drops of a UDP socket are remembered by.</summary>
    public static string DropsOf(UdpReading.ReceiverRow row) => $"udp drops {row.Address} {row.Port}";

    /// <summary>The name that the drops of a listener are remembered by.</summary>
    public static string DropsOf(ListenersReading.Row row) => $"drops {row.Address} {row.Port}";
}
