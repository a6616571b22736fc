using System.Collections.Immutable;
using ConnExporter.Collectors;
using ConnExporter.Kernel.Proc;
using ConnExporter.Resources;
using ConnExporter.Sampling;

namespace ConnExporter.Diagnosis;

/// <summary>What rules look at: the readings of one network namespace, its resources, and what is remembered of the last minutes.</summary>
internal sealed class Observation
{
    private readonly Dictionary<Reading, long> timestamps;
    private readonly Dictionary<(string, string), CensusReading.ListenerRow> listeners;

    private Observation(string netns, DateTimeOffset at, Thresholds thresholds, Memory memory, Dictionary<Reading, long> timestamps, CensusReading? census, Observation? host)
    {
        Netns = netns;
        At = at;
        Thresholds = thresholds;
        Memory = memory;
        this.timestamps = timestamps;
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

    public ConntrackReading? Conntrack { get; private init; }

    public DescriptorsReading? Descriptors { get; private init; }

    public ProcessesReading? Processes { get; private init; }

    public SettingsReading? Settings { get; private init; }

    private ulong? BootTime { get; init; }

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

        const string Own = Kernel.KernelSource.OwnNamespace;
        var own = new Observation(Own, at, thresholds, memoryOf(Own), takenAt, Find<CensusReading>(), host: null)
        {
            States = Find<StatesReading>(),
            Counters = Find<CountersReading>(),
            Listeners = Find<ListenersReading>(),
            SockStat = Find<SockStatReading>(),
            Ports = Find<PortsReading>(),
            Conntrack = Find<ConntrackReading>(),
            Descriptors = Find<DescriptorsReading>(),
            Processes = Find<ProcessesReading>(),
            Settings = Find<SettingsReading>(),
            BootTime = Find<SelfReading>()?.BootTime,
        };
        own.Remember();
        yield return own;
        if (Find<NamespacesReading>() is not { } namespaces)
        {
            yield break;
        }

        long turn = takenAt[namespaces];
        foreach (NamespacesReading.Row row in namespaces.Rows.Where(row => row.InFull))
        {
            NamespacesCollector.Readings readings = row.Readings;
            foreach (Reading reading in new Reading?[] { readings.States, readings.Counters, readings.Listeners, readings.Limits, readings.Ports, readings.Conntrack, readings.Census }.OfType<Reading>())
            {
                takenAt[reading] = turn;
            }

            var other = new Observation(row.Name, at, thresholds, memoryOf(row.Name), takenAt, readings.Census, own)
            {
                NamespacePath = row.Path,
                States = readings.States,
                Counters = readings.Counters,
                Listeners = readings.Listeners,
                SockStat = readings.Limits,
                Ports = readings.Ports,
                Conntrack = readings.Conntrack,
                ProcessId = row.ProcessId,
            };
            other.Remember();
            yield return other;
        }
    }

    /// <summary>The monotonic time at which a reading was taken.</summary>
    public long TimestampOf(Reading reading) => timestamps[reading];

    /// <summary>The resource of a kind; null where none was measured.</summary>
    public Resource? Find(ResourceKind kind) => Resources.FirstOrDefault(resource => resource.Kind == kind);

    /// <summary>What the census knows of a listener.</summary>
    public CensusReading.ListenerRow? ListenerOf(string address, string port) => listeners.GetValueOrDefault((address, port));

    /// <summary>The process that holds a listener; null where it is not known.</summary>
    public Holder? HolderOfListener(string address, string port) => ListenerOf(address, port) is { } row && (row.Process != Labels.Unknown || row.Unit != Labels.None)
        ? Holder.Of(row.Process, row.Unit) with { ProcessId = row.Owner?.Pid, StartedAt = StartOf(row.Owner?.StartTicks) }
        : null;

    /// <summary>Who was seen to connect to a destination, most often first.</summary>
    public IEnumerable<Holder> HoldersOfDestination(string address, string port) => (Census?.Sightings ?? [])
        .Where(row => row.Address == address && row.Port == port && (row.Process != Labels.Unknown || row.Unit != Labels.None))
        .OrderByDescending(row => row.Count)
        .Select(row => Holder.Of(row.Process, row.Unit) with { ProcessId = row.Owner?.Pid, StartedAt = StartOf(row.Owner?.StartTicks) });

    /// <summary>The first of them; null where nobody was seen.</summary>
    public Holder? HolderOfDestination(string address, string port) => HoldersOfDestination(address, port).FirstOrDefault();

    /// <summary>When a process started, from its ticks after boot.</summary>
    public DateTimeOffset? StartOf(ulong? startTicks) => startTicks is { } ticks && Host.BootTime is { } boot
        ? DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(boot + (ticks / (double)SystemClock.TicksPerSecond))
        : null;

    /// <summary>A command as it must be typed to take effect in this network namespace. Names are chosen by others: a path that a shell would read otherwise is quoted.</summary>
    public string Inside(string command) => IsOwn ? command
        : ProcessId > 0 ? $"nsenter -t {ProcessId} -n {command}"
        : $"nsenter --net={Quote(NamespacePath ?? $"/run/netns/{Netns}")} {command}";

    private static string Quote(string path) => path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-') ? path : $"'{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private void Remember()
    {
        foreach ((string name, ulong? value) in Counters?.All ?? [])
        {
            Memory.Count(name, value);
        }

        Memory.Count("conntrack.drops", Conntrack?.Statistics?.Drops);
        Memory.Count("conntrack.early_drops", Conntrack?.Statistics?.EarlyDrops);
        Memory.Count("conntrack.insert_failed", Conntrack?.Statistics?.InsertFailed);
        foreach (ListenersReading.Row row in Listeners?.Rows ?? [])
        {
            Memory.Count(DropsOf(row), row.Drops);
        }

        Memory.Gauge("established", States?[Kernel.Netlink.TcpState.Established]);
        Memory.Gauge("close_wait", States?[Kernel.Netlink.TcpState.CloseWait]);
        Memory.Gauge("idle", Census?.IdleSockets?.TenMinutes);
    }

    /// <summary>The name that the drops of a listener are remembered by.</summary>
    public static string DropsOf(ListenersReading.Row row) => $"drops {row.Address} {row.Port}";
}
